#!/bin/sh
# Run a command with the variables of .env, if there is one, in its environment. Lines are KEY=VALUE, taken literally, with an
# optional pair of quotes around the value; blank lines and lines that start with # are skipped. The environment wins.
set -u
if [ -f .env ]; then
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%"$(printf '\r')"}
        case $line in '' | '#'*) continue ;; esac
        name=${line%%=*}
        value=${line#*=}
        case $name in
            *[!A-Za-z0-9_]* | [0-9]* | '') echo ".env: not a KEY=VALUE line: $name" >&2; exit 1 ;;
        esac
        case $value in
            \"*\") value=${value#\"}; value=${value%\"} ;;
            \'*\') value=${value#\'}; value=${value%\'} ;;
        esac
        eval "[ -n \"\${$name+set}\" ]" || export "$name=$value"
    done <.env
fi
exec "$@"
