from django.urls import path

from prompts.views import builder, documentation, prompts

urlpatterns = [
    path("app/<slug:slug>/prompts/", prompts.list_prompts, name="prompts"),
    path("app/<slug:slug>/builder/", builder.show, name="builder"),
    path("docs/", documentation.index, name="docs"),
    path("docs/<slug:page>/", documentation.page, name="docs-page"),
]
