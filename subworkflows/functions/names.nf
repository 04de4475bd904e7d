// Names become file names, read groups and shell words.
def isSafeName(String name) {
    return name ==~ /[A-Za-z0-9][A-Za-z0-9._-]{0,99}/
}

def nameRule() {
    return 'a name has 1 to 100 letters, digits, dots, underscores and dashes, and begins with a letter or a digit'
}
