# follow(LINE): keep in `open` what the line's end is inside of: a string, a quoted name, a body between dollars, or nothing.
function follow(line,    at) {
  while (line != "") {
    if (open == "") {
      if (!match(line, /'|"|--|\$[A-Za-z_]*\$/)) return
      open = substr(line, RSTART, RLENGTH)
      line = substr(line, RSTART + RLENGTH)
      if (open == "--") { open = ""; return }
    } else {
      at = index(line, open)
      if (!at) return
      line = substr(line, at + length(open))
      open = ""
    }
  }
}
