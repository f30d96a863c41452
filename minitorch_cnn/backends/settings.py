"""Settings: a module whose attributes can be set, but only those that it has."""

from types import ModuleType


class Settings(ModuleType):
    """AttributeError for a setting that does not exist, TypeError for a value of another type."""

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("__"):
            if name not in vars(self):
                raise AttributeError(f"{self.__name__} has no setting {name!r}")
            if not isinstance(value, type(vars(self)[name])):
                kind = type(vars(self)[name]).__name__
                raise TypeError(f"{self.__name__}.{name}: {value!r} must be a {kind}")
        super().__setattr__(name, value)
