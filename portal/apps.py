from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        from control.receivers import ReceiverInvalid, receivers
        from portal import celery  # noqa: F401  # whoever sends a job needs the application

        try:
            receivers()
        except ReceiverInvalid as error:
            raise ImproperlyConfigured(str(error)) from error
