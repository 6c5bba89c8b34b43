# Figures of rounds, and the table made of them. Sourced by bench/compare.sh.
# shellcheck shell=bash disable=SC2154 # scratch is the run's

# figure MEASURE ENGINE ROUND VALUE
figure() {
    printf '%s\t%s\t%s\t%s\n' "$@" >>"$scratch/$part.figures"
}

# A row for each measure: of each engine the median of the rounds, the least and the greatest; then Trunkline's as a multiple
# of each other engine's, taken in each round. Measures whose name ends in "failed" or "repeated" have no multiples, and no row
# where there is nothing of them.
table() {
    local titles
    titles=$(for engine in "${engines[@]}"; do printf '%s=%s\n' "$engine" "$("${engine}_title")"; done)
    awk -F'\t' -v titles="$titles" -f "$here/figures.awk" -f "$here/table.awk" "$scratch/$part.figures"
    echo
}

# All that was measured, as a picture: plot FILE
plot() {
    local titles
    titles=$(for engine in "${engines[@]}"; do printf '%s=%s\n' "$engine" "$("${engine}_title")"; done)
    cat "$scratch"/*.figures | awk -F'\t' -v titles="$titles" -f "$here/figures.awk" -f "$here/plot.awk" >"$1"
}

# median, or another part of a hundred, of the numbers that come in: percentile 99
percentile() {
    sort -n | awk -v part="$1" '{ value[NR] = $1 } END {
        rank = 1 + (NR - 1) * part / 100; low = int(rank); high = low < NR ? low + 1 : low
        print value[low] + (rank - low) * (value[high] - value[low])
    }'
}
