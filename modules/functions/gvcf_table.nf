// The shell's printf of the table that map_gvcfs reads, a line a GVCF: sample, GVCF, index or -.
//   meta: samples (one name a GVCF), indexed (whether the GVCF has a .tbi)
//   tbis: those that are there, in the same order
def printGvcfTable(meta, gvcfs, tbis) {
    def given = 0
    def lines = [meta.samples, [gvcfs].flatten(), meta.indexed].transpose().collect { sample, gvcf, indexed ->
        given += indexed ? 1 : 0
        [sample, gvcf, indexed ? [tbis].flatten()[given - 1] : '-'].join('\\t') + '\\n'
    }
    return "printf '${lines.join('')}'"
}
