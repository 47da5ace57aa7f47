package configs

import "strings"

// lineIndex knows the line of each path of each file.
type lineIndex map[string]int

func (x lineIndex) put(file, path string, line int) { x[file+"\x00"+path] = line }

// find returns the line of path, or of what encloses it.
func (x lineIndex) find(file, path string) int {
	for {
		if line, ok := x[file+"\x00"+path]; ok {
			return line
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return x[file+"\x00"]
		}
		path = path[:i]
	}
}
