"""Settings as the command reads them: a mistake is told by the name of the variable to change."""

from pydantic import ValidationError

from app.config import Settings
from app.errors import ConfigurationError


def read_settings() -> Settings:
    """The settings of the environment. Raises ConfigurationError for the first that is not valid."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        variable = "_".join(["MEDLEY", *map(str, first["loc"])]).upper() if first["loc"] else "The settings"
        raise ConfigurationError(f"{variable}: {first['msg']}") from error
