# Kamailio: a stateful proxy for calls, a registrar in memory for phones. Sourced by bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # scratch and here are the run's

kamailio_command() { echo "${KAMAILIO:-kamailio}"; }

kamailio_title() { echo "Kamailio, proxy"; }

kamailio_version() { "$(kamailio_command)" -v 2>&1 | sed -n 's/^version: kamailio \([^ ]*\).*/Kamailio \1/p'; }

kamailio_can() { true; }

# A worker for each core: more of them cost it more, and its default of eight is more.
kamailio_run() {
    local defines=()
    case $1 in
        register) defines=(-A REGISTRAR) ;;
        digest) defines=(-A REGISTRAR -A DIGEST -A "PHONES=$phones") ;;
    esac
    exec "$(kamailio_command)" -f "$here/kamailio.cfg" -DD -E -m 1024 -n "${KAMAILIO_WORKERS:-$(nproc)}" \
        -Y "$scratch/state" "${defines[@]}"
}
