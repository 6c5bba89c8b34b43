# How much later a caller hears it ring: INVITE to 180 through an idle engine, less that of caller and callee alone. Sourced
# by bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # rounds, delay_calls, engines and setup_delay are the run's

measure_delay() {
    local round direct part_of
    for ((round = 1; round <= rounds; round++)); do
        "$setup_delay" --through 127.0.0.1:5070 --calls "$delay_calls" >"$scratch/direct"
        for engine in "${engines[@]}"; do
            start_engine "$engine" calls
            "$setup_delay" --through 127.0.0.1:5060 --calls 20 >/dev/null
            "$setup_delay" --through 127.0.0.1:5060 --calls "$delay_calls" >"$scratch/through"
            stop "$engine_pid"
            for part_of in 50 99; do
                direct=$(percentile "$part_of" <"$scratch/direct")
                figure "ms from INVITE to 180 added, p$part_of" "$engine" "$round" \
                    "$(calculate "($(percentile "$part_of" <"$scratch/through") - $direct) / 1000")"
            done
        done
    done
    table
}
