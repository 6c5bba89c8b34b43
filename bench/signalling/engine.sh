# An engine under load: started afresh for each run, and measured as a whole process tree. Sourced by bench/compare.sh.
#
# Each has a file of its own, which says what it is called (NAME_title, NAME_version), what starts it (NAME_command), what it
# can be told to do (NAME_can calls | register | digest), and how it becomes that (NAME_run).
# shellcheck shell=bash disable=SC2154 # scratch and here are the run's

engines=(kamailio trunkline asterisk freeswitch rustpbx)

for engine in "${engines[@]}"; do
    # shellcheck source=/dev/null # each of them is checked by itself
    source "$here/$engine.sh"
done

# Leaves in `engines` those through which a call goes here.
find_engines() {
    local engine found=()
    for engine in "${engines[@]}"; do
        if ! command -v "$("${engine}_command")" >/dev/null; then
            echo "$engine: not installed, left out"
        elif ! carries_a_call "$engine"; then
            echo "$engine: no call goes through it here, left out; it said:"
            tail -5 "$scratch/engine.log" | sed 's/^/    /'
        else
            found+=("$engine")
        fi
    done
    engines=("${found[@]}")
    echo "$(for engine in "${engines[@]}"; do "${engine}_version"; done | paste -sd, | sed 's/,/, /g'), $(sipp_version)"
    echo
}

carries_a_call() {
    start_engine "$1" calls 2>/dev/null || return 1
    start_callee
    call 10 3 0
    stop "$callee_pid" "$engine_pid"
    [ "$(column SuccessfulCall)" = 3 ]
}

# start_engine NAME KIND: sets engine_pid.
start_engine() {
    rm -rf "$scratch/state"
    mkdir "$scratch/state"
    "$1_run" "$2" >"$scratch/engine.log" 2>&1 &
    engine_pid=$!
    wait_for_socket 5060 "$engine_pid"
}

wait_for_socket() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        if grep -q "$(printf ':%04X ' "$1")" /proc/net/udp; then return 0; fi
        kill -0 "$2" 2>/dev/null || break
        sleep 0.1
    done
    cat "$scratch/engine.log" >&2
    echo "nothing listens on port $1" >&2
    return 1
}

# Some take their time to say goodbye; none gets more than four seconds.
stop() {
    local pid tries
    for pid in "$@"; do
        kill "$pid" 2>/dev/null || true
        for ((tries = 0; tries < 40; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

tree() {
    local child
    echo "$1"
    while read -r child; do tree "$child"; done < <(cat /proc/"$1"/task/*/children | tr ' ' '\n' | sed '/^$/d')
}

# User and system time of a process, its threads and its descendants, ended ones too, in seconds.
cpu_seconds() {
    local pid
    for pid in $(tree "$1"); do
        # The second field, the name in brackets, may hold spaces.
        sed 's/.*) //' "/proc/$pid/stat"
    done | awk -v hz="$(getconf CLK_TCK)" '{ ticks += $12 + $13 + $14 + $15 } END { print ticks / hz }'
}

# Proportional set size: processes that share their memory are not counted twice. Sockets are the kernel's, and not in it.
memory_kib() {
    local pid
    for pid in $(tree "$1"); do
        cat "/proc/$pid/smaps_rollup"
    done | awk '/^Pss:/ { kib += $2 } END { print kib }'
}
