# Sourced by the others: login NAME puts the address of the variable NAME, or of the file that NAME_FILE names, into libpq's
# own variables, since every user of a machine can read the arguments of a command.
login() {
    eval "value=\${$1:-} file=\${$1_FILE:-}"
    [ -z "$file" ] || value=$(cat "$file")
    [ -n "$value" ] || { echo "$0: $1 is not set" >&2; exit 2; }
    case $value in
        *%*) echo "$0: $1 has a %: encoded characters are not read here; set a password without them" >&2; exit 2 ;;
    esac
    rest=${value#*://}
    query=${rest#*\?}
    [ "$query" = "$rest" ] && query=
    rest=${rest%%\?*}
    server=${rest##*@}
    who=${rest%@*}
    PGUSER=${who%%:*} PGPASSWORD=${who#*:} PGDATABASE=${server#*/}
    server=${server%%/*}
    PGHOST=${server%%:*} PGPORT=${server#*:}
    [ "$PGPORT" != "$server" ] || PGPORT=5432
    export PGUSER PGPASSWORD PGDATABASE PGHOST PGPORT
    for option in $(printf '%s' "$query" | tr '&' ' '); do
        case $option in
            sslmode=*) export PGSSLMODE="${option#*=}" ;;
            sslrootcert=*) export PGSSLROOTCERT="${option#*=}" ;;
            *) echo "$0: $1 has ${option%%=*}, which is not read here" >&2; exit 2 ;;
        esac
    done
}
