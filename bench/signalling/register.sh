# What phones cost that register: CPU for a thousand REGISTERs that are granted, and the highest rate. Sourced by
# bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # rounds, seconds, register_rate and engines are the run's

measure_register() {
    local round
    for ((round = 1; round <= rounds; round++)); do
        for engine in "${engines[@]}"; do cost_of_registers "$engine" "$round" register register 1 "without digest"; done
        for engine in "${engines[@]}"; do cost_of_registers "$engine" "$round" digest register_challenged 1 "challenged each time"; done
        for engine in "${engines[@]}"; do cost_of_registers "$engine" "$round" digest register_known 9 "challenged once in nine"; done
    done
    for engine in "${engines[@]}"; do
        ! "${engine}_can" digest || figure "REGISTERs/s, challenged each time" "$engine" 1 "$(highest_rate "$engine" carries_registers 1000)"
    done
    table
}

# cost_of_registers ENGINE ROUND KIND SCENARIO GRANTED_EACH WHAT
cost_of_registers() {
    local before after times=$((register_rate * seconds / $5))
    "$1_can" "$3" || return 0
    start_engine "$1" "$3"
    register "$4" $((500 / $5)) $((phones / $5))
    before=$(cpu_seconds "$engine_pid")
    register "$4" $((register_rate / $5)) "$times"
    after=$(cpu_seconds "$engine_pid")
    figure "CPU s per 1,000 REGISTERs, $6" "$1" "$2" "$(calculate "($after - $before) * 1000 / ($times * $5)")"
    figure "REGISTERs per 1,000, $6, failed" "$1" "$2" "$(calculate "($times - $(column SuccessfulCall)) * 1000 / $times")"
    stop "$engine_pid"
}

# carries_registers ENGINE RATE
carries_registers() {
    local times=$(($2 * seconds_a_try))
    start_engine "$1" digest
    register register_challenged 500 "$phones"
    register register_challenged "$2" "$times" 5
    stop "$engine_pid"
    is_carried "$2" "$times"
}
