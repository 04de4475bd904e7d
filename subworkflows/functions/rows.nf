// What the rules of every samplesheet share. Every refusal names the file, the line and the column.

// Names become file names, read groups and shell words.
def isSafeName(String name) {
    return name ==~ /[A-Za-z0-9][A-Za-z0-9._-]{0,99}/
}

def refuse(Map row, String column, String reason) {
    error("Samplesheet ${row.source}, line ${row.line}, column ${column}: ${reason}")
}

// The columns of a row that are names: safe, and the sample's at least is there.
def checkNames(Map row, List columns) {
    if (!row.sample) {
        refuse(row, 'sample', 'is empty')
    }
    columns.each { column ->
        if (row[column] && !isSafeName(row[column])) {
            refuse(row, column, "'${row[column].take(120)}' cannot be used: a name has 1 to 100 letters, digits, dots, underscores and dashes, and begins with a letter or a digit")
        }
    }
}
