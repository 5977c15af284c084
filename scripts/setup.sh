# shellcheck shell=bash
# Where is a Python that runs this project, with what it needs? Sourced by the other scripts, which call `setup`.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
export PYTHONPATH=$root:$root/addons

# setup [LOCK...]: .venv with requirements.lock and the locks named; at once when it is there already.
setup() {
    (
        # Two starts at a time: the second waits, and finds everything done.
        if command -v flock >/dev/null; then flock 9; fi
        local python lock
        if ! is_installed requirements.lock; then
            python=$(interpreter) # on a line of its own: within another command its failure would be passed over
            make_venv "$python"
            install requirements.lock
        fi
        for lock in "$@"; do
            is_installed "$lock" || install "$lock"
        done
    ) 9<"$root/requirements.lock"
}

say() { printf '%s\n' "setup: $*" >&2; }

# quietly COMMAND...: what it prints is shown only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if ((status)); then cat "$log" >&2; fi
    rm -f "$log"
    return "$status"
}

# --- the virtual environment

install() {
    say "installing $1"
    rm -f "$venv/$1.stamp"
    quietly "$venv/bin/python" -m pip install -qq --no-input --disable-pip-version-check --require-hashes -r "$root/$1"
    stamp "$1" >"$venv/$1.stamp" # last: an interrupted installation has none
}

is_installed() {
    [[ -f $venv/$1.stamp && $(stamp "$1" 2>/dev/null) == "$(<"$venv/$1.stamp")" ]]
}

# What an installation hangs on: the lock, the interpreter, the folder (a venv cannot be moved).
stamp() {
    "$venv/bin/python" -c '
import hashlib, pathlib, sys
print(sys.version, sys.prefix, hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest())
' "$root/$1"
}

make_venv() {
    local python=$1 uv
    say "making .venv with $("$python" -V)"
    rm -rf "$venv"
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        quietly "$python" -m venv "$venv"
    elif uv=$(command -v uv); then # Debian's python3 has no ensurepip without python3-venv
        quietly "$uv" venv --quiet --seed --python "$python" "$venv"
    elif may_install; then
        apt_install python3-venv
        quietly "$python" -m venv "$venv"
    else
        say "$python cannot make virtual environments: install your system's package for that (Debian: python3-venv)"
        return 1
    fi
}

# --- the interpreter

interpreter() {
    local python
    if [[ -n ${PYTHON:-} ]]; then
        is_fit "$PYTHON" || {
            say "PYTHON=$PYTHON is no working Python 3.12, 3.13 or 3.14"
            return 1
        }
        printf '%s\n' "$PYTHON"
        return
    fi
    while read -r python; do
        if is_fit "$python"; then
            printf '%s\n' "$python"
            return
        fi
    done < <(candidates)
    fetched_python || {
        say "found no Python 3.12, 3.13 or 3.14 and could not fetch one: install one, or name it with PYTHON=/path/to/python"
        return 1
    }
}

# One a line, the first fit one is taken. A pattern that matches nothing stays as it is and is not fit.
candidates() {
    printf '%s\n' python3.{13,12,14} python3 {/usr/local,/opt/*}/bin/python3.{13,12,14} \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.{13,12,14}*/bin/python \
        "$HOME"/.local/share/uv/python/cpython-3.{13,12,14}*/bin/python3
}

# Asks the interpreter itself: a pyenv shim exists and fails, a python3 may be 3.11, a home-made one may lack TLS.
is_fit() {
    "$1" -c 'import ssl, sys; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

fetched_python() {
    local uv
    uv=$(fetched_uv) || return 1
    say "fetching Python 3.13"
    quietly "$uv" python install 3.13 && "$uv" python find --managed-python 3.13
}

# uv's path. It comes as a package for any Python 3 with pip, hashed like the others.
fetched_uv() {
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/mesh-router-gateway/uv
    command -v uv && return
    if [[ ! -x $folder/bin/uv ]]; then
        if ! python3 -c 'import ensurepip' 2>/dev/null; then
            may_install && apt_install python3-venv || return 1
        fi
        say "fetching uv"
        quietly python3 -m venv --clear "$folder" || return 1
        quietly "$folder/bin/python" -m pip install -qq --no-input --require-hashes -r "$root/requirements-uv.lock" || return 1
    fi
    printf '%s\n' "$folder/bin/uv"
}

may_install() { [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; }

apt_install() {
    say "installing $* (apt-get)"
    quietly apt-get update -qq && DEBIAN_FRONTEND=noninteractive quietly apt-get install -qq --no-install-recommends "$@"
}
