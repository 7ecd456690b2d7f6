from django.urls import include, path

from accounts.views import entrance, home, profile

urlpatterns = [
    path("", home.home, name="home"),
    path("design/", home.design, name="design"),
    path("login/", entrance.sign_in, name="login"),
    path("signup/", entrance.sign_up, name="signup"),
    path("logout/", entrance.sign_out, name="logout"),
    path("accounts/profile/", profile.show, name="profile"),
    path("accounts/profile/delete/", profile.delete, name="delete-account"),
    path("accounts/email/resend/", profile.resend_verification, name="resend-verification"),
    path("accounts/", include("allauth.urls")),
]
