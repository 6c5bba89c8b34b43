# What calls cost: CPU for a thousand of them, at each rate without hold, at the lowest with ten seconds of it. Sourced by
# bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # rounds, rates, seconds and engines are the run's

measure_cost() {
    local round rate
    for ((round = 1; round <= rounds; round++)); do
        for rate in $rates; do
            for engine in "${engines[@]}"; do cost_of_calls "$engine" "$round" "$rate" 0; done
        done
        for engine in "${engines[@]}"; do cost_of_calls "$engine" "$round" "${rates%% *}" "$hold"; done
    done
    table
}

# cost_of_calls ENGINE ROUND RATE HOLD_S
cost_of_calls() {
    local before after calls=$(($3 * seconds)) load="$3 calls/s, $4 s hold"
    start_engine "$1" calls
    start_callee
    # What is done once is done: pages, tables, connections.
    call 200 200 0
    before=$(cpu_seconds "$engine_pid")
    call "$3" "$calls" $(($4 * 1000))
    after=$(cpu_seconds "$engine_pid")
    figure "CPU s per 1,000 calls, $load" "$1" "$2" "$(calculate "($after - $before) * 1000 / $calls")"
    figure "calls per 1,000, $load, failed" "$1" "$2" "$(calculate "($calls - $(column SuccessfulCall)) * 1000 / $calls")"
    figure "messages per 1,000 calls, $load, repeated" "$1" "$2" "$(calculate "$(column Retransmissions) * 1000 / $calls")"
    stop "$callee_pid" "$engine_pid"
}
