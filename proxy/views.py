"""The proxied call is not Django's (docs/adr/0001): what a server without the proxy answers."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def not_served_here(request: HttpRequest) -> JsonResponse:
    error = {
        "message": "This server runs Django alone. Start the service with `make serve`, which serves the proxy too.",
        "type": "server_error",
        "code": "proxy_not_served",
    }
    return JsonResponse({"error": error}, status=501, headers={"x-aipc-error": "proxy_not_served"})
