# Prints figures as a table of markdown; figures.awk reads them.

END {
    head = "| |"; rule = "|---|"
    for (e = 1; e <= engines; e++) { head = head " " title[engine[e]] " |"; rule = rule "---|" }
    for (e = 1; e <= engines; e++) if (engine[e] != "trunkline") {
        name = title[engine[e]]; sub(/,.*/, "", name)
        head = head " × " name " |"; rule = rule "---|"
    }
    print head; print rule
    for (m = 1; m <= measures; m++) {
        if (measure[m] !~ /(failed|repeated)$/ || is_any(measure[m])) print row(measure[m])
        else nothing = 1
    }
    if (nothing) print "\nWhat failed or was repeated and is not listed: nothing."
}

# Whether any engine has other than nothing there.
function is_any(name, e) {
    for (e = 1; e <= engines; e++) if (spread(list[name, engine[e]]) && high > 0) return 1
    return 0
}

function row(name, text, e) {
    text = "| " name " |"
    for (e = 1; e <= engines; e++) text = text " " cell(list[name, engine[e]]) " |"
    for (e = 1; e <= engines; e++)
        if (engine[e] != "trunkline") text = text " " (name ~ /(failed|repeated)$/ ? "–" : factor(multiples(name, engine[e]))) " |"
    return text
}

function cell(numbers) {
    if (!spread(numbers)) return "–"
    return low == high ? short(middle) : short(middle) " (" short(low) " to " short(high) ")"
}

function factor(numbers) {
    if (!spread(numbers)) return "–"
    return sprintf(low == high ? "%.2f" : "%.2f (%.2f to %.2f)", middle, low, high)
}

# Trunkline's figure over that engine's, round by round.
function multiples(name, peer, numbers, r) {
    for (r = 1; r <= rounds; r++)
        if ((name, peer, r) in value && (name, "trunkline", r) in value && value[name, peer, r] > 0)
            numbers = numbers " " value[name, "trunkline", r] / value[name, peer, r]
    return numbers
}
