# What the scripts of this directory share. Sourced by POSIX shells.

say() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

if [ -n "${TRUEUP_CACHE:-}" ]; then
    cache=$TRUEUP_CACHE
elif [ "$(id -u)" -eq 0 ]; then
    cache=/var/cache/trueup
else
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/trueup
fi

as_root_with_apt() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null
}

# Without the recommended packages, without questions; everything it prints goes to stderr.
apt_install() {
    if [ -z "${apt_updated:-}" ]; then
        apt-get update -qq >&2 || true
        apt_updated=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Runs a program as a scratch server would run it: root steps down to `postgres`, else `nobody`.
as_server_user() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        (cd / && setpriv --reuid postgres --regid "$(id -g postgres)" --clear-groups "$@")
    else
        (cd / && setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$@")
    fi
}

need_python() {
    if python3 -m pip --version >/dev/null 2>&1; then
        return
    fi
    as_root_with_apt || fail "python3 with pip is needed for the download"
    say "installing the package python3-pip (apt-get)"
    apt_install python3-pip || fail "python3-pip could not be installed"
}
