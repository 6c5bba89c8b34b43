# What a call that is up takes of memory, at so many at once. Sourced by bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # rounds, memory_steps and engines are the run's

# A call of a B2BUA has two RTP and two RTCP sockets, and every process has some of its own.
descriptors_a_call=4
descriptors_besides=400

measure_memory() {
    local round steps=() step most=$((($(ulimit -n) - descriptors_besides) / descriptors_a_call / 100 * 100))
    for step in $memory_steps; do
        if [ "$step" -le "$most" ]; then
            steps+=("$step")
        else
            echo "$step calls need more than the $(ulimit -n) descriptors that a process may have here: $most instead"
            steps+=("$most")
            break
        fi
    done
    echo
    for ((round = 1; round <= rounds; round++)); do
        for engine in "${engines[@]}"; do memory_of_calls "$engine" "$round" "${steps[@]}"; done
    done
    table
}

# memory_of_calls ENGINE ROUND CALLS…: each step keeps the calls of those before it.
memory_of_calls() {
    local engine=$1 round=$2 before up=0 port=5080 step caller callers=()
    shift 2
    start_engine "$engine" calls
    start_callee
    call 20 20 0
    before=$(memory_kib "$engine_pid")
    for step in "$@"; do
        port=$((port + 1))
        call 500 $((step - up)) 600000 "$port" &
        callers+=($!)
        # All are up, and a stateful proxy has forgotten their transactions (5 s).
        sleep $(((step - up) / 500 + 8))
        if [ "$(column CurrentCall "$port")" != $((step - up)) ]; then
            echo "$engine: not all of $step calls came up"
            break
        fi
        up=$step
        figure "KiB a call, $step up" "$engine" "$round" "$(calculate "($(memory_kib "$engine_pid") - $before) / $up")"
    done
    # shellcheck disable=SC2046 # numbers
    stop $(for caller in "${callers[@]}"; do tree "$caller"; done) "$callee_pid" "$engine_pid"
}
