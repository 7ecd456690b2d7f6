"""The staff's home: the pulse of the service, and the lists."""

from django.contrib import admin

from accounts import second_factor

second_factor.guard(admin.site)
