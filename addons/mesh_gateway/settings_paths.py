"""Is what the settings name on the disk there, and what it is meant to be? Asked at a start, before anything listens."""

from pathlib import Path

from mesh_gateway.settings import ROWS, Settings, SettingsError

FILE_PREFIX = "file:"


def check_paths(settings: Settings) -> None:
    """Raise SettingsError for the first that cannot be used: BACKEND_URL's file, CERT_DIR, UPSTREAM_CA_FILE.

    What may pass, as a full disk or a folder that is not there yet, is left to the moment when it is used.
    """
    check_routes_file(settings)
    _check_folder(settings.cert_dir)
    if settings.upstream_ca_file:
        _check_readable("upstream_ca_file", str(settings.upstream_ca_file), settings.upstream_ca_file)


def check_routes_file(settings: Settings) -> None:
    """Raise SettingsError for a `BACKEND_URL=file:PATH` whose file cannot be read."""
    if path := routes_file(settings):
        _check_readable("backend_url", settings.backend_url, path)


def routes_file(settings: Settings) -> Path | None:
    """The PATH of `BACKEND_URL=file:PATH`; None where the URL is an API's."""
    url = settings.backend_url
    return Path(url.removeprefix(FILE_PREFIX)) if url.startswith(FILE_PREFIX) else None


def no_folder(folder: Path) -> SettingsError:
    """What is said of a CERT_DIR that is none and cannot become one."""
    return _wrong("cert_dir", str(folder), f"{_nearest(folder)} is none")


def _check_readable(option: str, held: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise _wrong(option, held, f"{path.absolute()}: {error.strerror}") from error


def _check_folder(folder: Path) -> None:
    try:
        is_folder = _nearest(folder).is_dir()
    except OSError:  # no right to look: the gateway says so, and serves http
        return
    if not is_folder:
        raise no_folder(folder)


def _nearest(folder: Path) -> Path:
    """The first that exists, upwards from the folder itself: where that is a folder the others can be made in it."""
    upwards = (folder.absolute(), *folder.absolute().parents)
    return next(path for path in upwards if path.exists())


def _wrong(option: str, held: str, reason: str) -> SettingsError:
    row = ROWS[option]
    return SettingsError(f"{row.variable} holds {held!r} but wants {row.wants} ({reason})")
