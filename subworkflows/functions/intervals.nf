// The regions that --intervals names, checked before the first task.
include { requiredFile } from './files.nf'

// Returns the file, or [] where none is given.
def readIntervals(Map settings, Map _reference) {
    return settings.intervals ? requiredFile('intervals', settings.intervals) : []
}
