"""What staff did on these pages to what belongs to no organization; the rest is in the organizations' audit logs."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry

from config.admin.lists import NewestSearchedAdmin
from orgs.admin import ReadOnlyAdmin


@admin.register(LogEntry)
class LogEntryAdmin(NewestSearchedAdmin, ReadOnlyAdmin):
    list_display = ("action_time", "user", "content_type", "object_repr", "words")
    list_select_related = ("user", "content_type")
    search_fields = ("user__email", "object_repr")
    search_help_text = "The address of who did it, or what it was done to, in the newest 20,000 entries."
    fields = ("action_time", "user", "content_type", "object_repr", "words")

    @admin.display(description="what")
    def words(self, entry: LogEntry) -> str:
        return entry.get_change_message() or entry.get_action_flag_display()
