# Draws figures as SVG, a panel of bars for each measure; figures.awk reads them.

END {
    split("#006d2c #2b8cbe #d7301f #b8860b #7b3294", colour, " ")
    across = 3; wide = 310; bar = 18; panel = 46 + bar * engines
    for (m = 1; m <= measures; m++) if (measure[m] !~ /(failed|repeated)$/) shown[++panels] = measure[m]
    height = 20 + panel * int((panels + across - 1) / across)
    width = 10 + wide * across
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\">\n", width, height
    printf "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height
    for (p = 1; p <= panels; p++) draw(shown[p], 10 + wide * ((p - 1) % across), 24 + panel * int((p - 1) / across))
    print "</svg>"
}

# Bars to the median, a line from the least to the greatest.
function draw(name, left, top, most, e, y, name_width, scale) {
    printf "<text x=\"%d\" y=\"%d\" font-size=\"10\" font-weight=\"bold\">%s</text>\n", left, top, name
    for (e = 1; e <= engines; e++) if (spread(list[name, engine[e]]) && high > most) most = high
    name_width = 70
    scale = most > 0 ? (wide - name_width - 70) / most : 0
    for (e = 1; e <= engines; e++) {
        y = top + 8 + bar * (e - 1)
        label = title[engine[e]]; sub(/,.*/, "", label)
        printf "<text x=\"%d\" y=\"%d\">%s</text>\n", left, y + 11, label
        if (!spread(list[name, engine[e]])) {
            printf "<text x=\"%d\" y=\"%d\" fill=\"#888\">–</text>\n", left + name_width, y + 11
            continue
        }
        printf "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"13\" fill=\"%s\"/>\n", left + name_width, y, \
            (middle > 0 ? middle * scale : 0), engine[e] == "trunkline" ? colour[1] : colour[2 + (e > 2 ? e - 2 : 0)]
        printf "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#000\" stroke-width=\"1\"/>\n", left + name_width + (low > 0 ? low * scale : 0), \
            y + 6.5, left + name_width + high * scale
        printf "<text x=\"%.1f\" y=\"%d\">%s</text>\n", left + name_width + high * scale + 5, y + 11, short(middle)
    }
}
