from django.urls import include, path

from accounts.views import entrance, home, profile
from accounts.views.onboarding import code, prompt, setup

urlpatterns = [
    path("", home.home, name="home"),
    path("design/", home.design, name="design"),
    path("login/", entrance.sign_in, name="login"),
    path("signup/", entrance.sign_up, name="signup"),
    path("logout/", entrance.sign_out, name="logout"),
    path("onboarding/", setup.start, name="onboarding"),
    path("onboarding/welcome/", setup.welcome, name="onboarding-welcome"),
    path("app/<slug:slug>/onboarding/", setup.resume, name="onboarding"),
    path("app/<slug:slug>/onboarding/key/", setup.key, name="onboarding-key"),
    path("app/<slug:slug>/onboarding/prompt/", prompt.ask, name="onboarding-prompt"),
    path("app/<slug:slug>/onboarding/results/<uuid:call_id>/", prompt.results, name="onboarding-results"),
    path("app/<slug:slug>/onboarding/code/", code.show, name="onboarding-code"),
    path("app/<slug:slug>/onboarding/code/arrival/", code.arrival, name="onboarding-arrival"),
    path("accounts/profile/", profile.show, name="profile"),
    path("accounts/profile/delete/", profile.delete, name="delete-account"),
    path("accounts/email/resend/", profile.resend_verification, name="resend-verification"),
    # Before allauth's own, whose name it takes over.
    path("accounts/2fa/totp/activate/", profile.activate_totp),
    path("accounts/", include("allauth.urls")),
]
