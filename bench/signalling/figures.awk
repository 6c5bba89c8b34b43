# Reads figures (measure, engine, round, value) into tables that table.awk and plot.awk use: measures and engines in the
# order in which they came, the values of each, and how they lie.

BEGIN {
    lines = split(titles, line, "\n")
    for (n = 1; n <= lines; n++) {
        cut = index(line[n], "=")
        engine[++engines] = substr(line[n], 1, cut - 1)
        title[engine[engines]] = substr(line[n], cut + 1)
    }
}

{
    if (!($1 in known)) { known[$1] = 1; measure[++measures] = $1 }
    value[$1, $2, $3] = $4
    list[$1, $2] = list[$1, $2] " " $4
    if ($3 > rounds) rounds = $3
}

# Sets low, middle and high of a list of numbers; false where it is empty.
function spread(numbers, count, sorted, n, other, swap) {
    count = split(numbers, sorted, " ")
    if (!count) return 0
    for (n = 2; n <= count; n++)
        for (other = n; other > 1 && sorted[other] + 0 < sorted[other - 1] + 0; other--) {
            swap = sorted[other]; sorted[other] = sorted[other - 1]; sorted[other - 1] = swap
        }
    low = sorted[1] + 0
    high = sorted[count] + 0
    middle = count % 2 ? sorted[(count + 1) / 2] + 0 : (sorted[count / 2] + sorted[count / 2 + 1]) / 2
    return 1
}

# Three digits that say something.
function short(number, size) {
    size = number < 0 ? -number : number
    return size >= 100 || size == int(size) ? sprintf("%.0f", number) : size >= 10 ? sprintf("%.1f", number) : \
        size >= 1 ? sprintf("%.2f", number) : sprintf("%.3f", number)
}
