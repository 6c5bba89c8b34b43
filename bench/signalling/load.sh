# The load: SIPp calls SIPp, or phones of SIPp register. Sourced by bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # scratch and here are the run's

# Phones that register, all from one address.
phones=1000

sipp_version() { sipp -v | sed -n 's/^ *\(SIPp\) v\([0-9.]*\).*/\1 \2/p'; }

write_phones() {
    local n
    {
        echo SEQUENTIAL
        for ((n = 10000; n < 10000 + phones; n++)); do
            echo "$n;[authentication username=$n password=secret$n]"
        done
    } >"$scratch/phones.csv"
}

# Sets callee_pid.
start_callee() {
    (cd "$scratch" && exec sipp -sf "$here/callee.xml" -i 127.0.0.1 -p 5070 -nostdin -buff_size 4194304 >/dev/null 2>&1) &
    callee_pid=$!
    wait_for_socket 5070 "$callee_pid"
}

# call RATE CALLS HOLD_MS [PORT [PATIENCE_S]]: returns when all are over. A caller waits for ever for an answer that was lost,
# hence the limit.
call() {
    local port=${4:-5080}
    generate "$port" $(($2 / $1 + $3 / 1000 + ${5:-40})) -sf "$here/caller.xml" -r "$1" -m "$2" -d "$3"
}

# register SCENARIO RATE TIMES [PATIENCE_S]
register() {
    generate 5080 $(($3 / $2 + ${4:-40})) -sf "$here/$1.xml" -inf phones.csv -r "$2" -m "$3"
}

# generate PORT LIMIT_S ARGUMENTS…: what SIPp counts each second goes to PORT.csv.
generate() {
    local port=$1 limit_s=$2
    shift 2
    (cd "$scratch" && exec timeout -k 2 "$limit_s" sipp 127.0.0.1:5060 -i 127.0.0.1 -p "$port" -nostdin \
        -buff_size 4194304 -l 60000 -trace_stat -stf "$port.csv" -fd 1 "$@" >/dev/null 2>&1) || true
}

# column NAME [PORT]: what was counted from the beginning to the last line.
column() {
    awk -F';' -v name="$1" 'NR == 1 { for (n = 1; n <= NF; n++) if ($n == name || $n == name "(C)") column = n }
        END { print $column + 0 }' "$scratch/${2:-5080}.csv"
}
