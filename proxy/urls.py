from django.urls import re_path

from proxy.views import not_served_here

urlpatterns = [re_path("", not_served_here)]
