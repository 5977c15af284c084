"""Can the file and the folder that the settings name be what they are meant to be? Asked once, before anything begins."""

import ssl
from pathlib import Path

from acme_client.settings import Settings, SettingsError


def check_places(settings: Settings) -> None:
    """Raises SettingsError for a CERT_DIR that is no folder and cannot become one, and an ACME_CA_FILE without certificates.

    What may pass, as a full or read-only disk, is left to the moment when something is written.
    """
    _check_folder(settings.cert_dir)
    if settings.acme_ca_file:
        _check_certificates(settings.acme_ca_file)


def _check_folder(folder: Path) -> None:
    """The nearest that exists, upwards from the folder itself, must be a folder."""
    try:
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        is_folder = nearest.is_dir()
    except OSError as error:
        raise SettingsError(f"CERT_DIR holds {str(folder)!r} but wants a folder ({error.strerror})") from error
    if not is_folder:
        reason = "it is none" if nearest == folder else f"{nearest} is none"
        raise SettingsError(f"CERT_DIR holds {str(folder)!r} but wants a folder ({reason})")


def _check_certificates(path: Path) -> None:
    try:
        with path.open("rb"):  # what OpenSSL says of a file that is not there is all too short
            pass
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        reason = "it holds none" if isinstance(error, ssl.SSLError) else error.strerror
        text = f"ACME_CA_FILE holds {str(path)!r} but wants a file with certificates in PEM ({reason})"
        raise SettingsError(text) from error
