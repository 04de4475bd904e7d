// The @RG line of one lane: its ID is unique for a sample, library and lane.
def readGroup(Map meta) {
    return [
        '@RG', "ID:${meta.id}", "SM:${meta.sample}", "LB:${meta.library}", "PL:${meta.platform}", "PU:${meta.id}",
    ].join('\\t')
}
