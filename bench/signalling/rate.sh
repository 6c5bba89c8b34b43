# The highest rate: 99.9 % of the calls succeed, and fewer than one message in a hundred calls is said twice. Sourced by
# bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # rate_rounds, seconds_a_try, rate_most, rate_precision and engines are the run's

measure_rate() {
    local round
    echo "Without an engine, SIPp to SIPp: $(highest_rate direct carries_calls 1000) calls/s."
    echo
    for ((round = 1; round <= rate_rounds; round++)); do
        for engine in "${engines[@]}"; do
            figure "calls/s" "$engine" "$round" "$(highest_rate "$engine" carries_calls 1000)"
        done
    done
    table
}

# highest_rate ENGINE CARRIES FIRST: grows by half until a rate is too much, then halves the span.
highest_rate() {
    local carried=0 refused=0 rate=$3
    while [ "$refused" = 0 ] || [ $(((refused - carried) * 100)) -gt $((refused * rate_precision)) ]; do
        # A machine that stumbles is no answer: the second try counts.
        if "$2" "$1" "$rate" || "$2" "$1" "$rate"; then carried=$rate; else refused=$rate; fi
        if [ "$refused" = 0 ]; then rate=$((carried * 3 / 2)); else rate=$(((carried + refused) / 2)); fi
        if [ "$rate" -lt 20 ] || [ "$carried" -ge "$rate_most" ]; then break; fi
    done
    echo "$carried"
}

# carries_calls ENGINE RATE
carries_calls() {
    local calls=$(($2 * seconds_a_try)) pids=()
    if [ "$1" = direct ]; then
        # The callee listens where an engine would.
        (cd "$scratch" && exec sipp -sf "$here/callee.xml" -i 127.0.0.1 -p 5060 -nostdin -buff_size 4194304 >/dev/null 2>&1) &
        pids=($!)
        wait_for_socket 5060 "${pids[0]}"
    else
        start_engine "$1" calls
        start_callee
        pids=("$callee_pid" "$engine_pid")
    fi
    call 200 200 0
    call "$2" "$calls" 0 5080 5
    stop "${pids[@]}"
    is_carried "$2" "$calls"
}

# is_carried RATE TIMES: whether what SIPp counted is as good as it should be, and came as fast as it should.
is_carried() {
    awk -v rate="$1" -v times="$2" -v good="$(column SuccessfulCall)" -v repeated="$(column Retransmissions)" \
        -v came="$(column CallRate)" 'BEGIN { exit !(good >= times * 0.999 && repeated < times / 100 && came > rate * 0.9) }'
}
