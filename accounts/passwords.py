"""Django's rules for passwords, in words that say what to do instead."""

from django.contrib.auth import password_validation


class NotLikeThePerson(password_validation.UserAttributeSimilarityValidator):
    def get_error_message(self) -> str:
        return "This is too much like your name or address. Take words that have nothing to do with you."


class LongEnough(password_validation.MinimumLengthValidator):
    def get_error_message(self) -> str:
        return f"This is too short. Use at least {self.min_length} characters."


class NotCommon(password_validation.CommonPasswordValidator):
    def get_error_message(self) -> str:
        return "This is one of the passwords that are tried first. Take several words that do not belong together."


class NotOnlyDigits(password_validation.NumericPasswordValidator):
    def get_error_message(self) -> str:
        return "This is digits only. Add letters."
