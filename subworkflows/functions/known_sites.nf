// The known variants that --known_sites lists, checked before the first task.

// Returns [ meta, vcf, index ] a resource, index [] where none is given.
def readKnownSites(Map _settings, Map _reference) {
    return []
}
