package configs

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// kind is what may stand at a place in a file.
type kind uint8

const (
	kindText kind = iota
	kindNumber
	kindFlag
	kindTexts // a list of texts, or a single one
	kindList
	kindTable  // a mapping with names of the admin's own as keys
	kindObject // a mapping with fixed keys
	kindSetting
	kindSecret
	kindPercent
	kindDays
	kindBytes
	kindOnOff
)

// shape is what a place in a file takes.
type shape struct {
	kind kind
	elem *shape
	keys map[string]*shape
}

func (s *shape) names() []string { return slices.Sorted(maps.Keys(s.keys)) }

// shapeOf derives the shape from a Go type and its koanf tags. A type that has
// no shape is our own mistake, so it panics: every test would meet it.
func shapeOf(t reflect.Type) *shape {
	switch t {
	case reflect.TypeFor[setting]():
		return &shape{kind: kindSetting}
	case reflect.TypeFor[secretSpec]():
		return &shape{kind: kindSecret}
	case reflect.TypeFor[percent]():
		return &shape{kind: kindPercent}
	case reflect.TypeFor[days]():
		return &shape{kind: kindDays}
	case reflect.TypeFor[byteSize]():
		return &shape{kind: kindBytes}
	case reflect.TypeFor[onOff]():
		return &shape{kind: kindOnOff}
	case reflect.TypeFor[[]string]():
		return &shape{kind: kindTexts}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.String:
		return &shape{kind: kindText}
	case reflect.Int:
		return &shape{kind: kindNumber}
	case reflect.Bool:
		return &shape{kind: kindFlag}
	case reflect.Slice:
		return &shape{kind: kindList, elem: shapeOf(t.Elem())}
	case reflect.Map:
		return &shape{kind: kindTable, elem: shapeOf(t.Elem())}
	case reflect.Struct:
		return objectShape(t)
	}
	panic("configs: no shape for " + t.String())
}

func objectShape(t reflect.Type) *shape {
	s := &shape{kind: kindObject, keys: map[string]*shape{}}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("koanf"), ",")
		if tag == "-" || tag == "" {
			continue
		}
		s.keys[tag] = shapeOf(f.Type)
	}
	return s
}
