package salesforcesim

import (
	"fmt"
	"strconv"
	"strings"
)

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokName             // a word, a path, a date literal or an instant
	tokString           // text is unescaped
	tokNumber
	tokSymbol // ( ) , = != < > <= >=
)

type token struct {
	kind tokenKind
	text string
	raw  string // of a string: with its escapes, for LIKE
	pos  int
}

// queryError puts the vendor's picture of the place before a message.
func queryError(code, soql string, pos int, message string) *Error {
	pos = min(pos, len(soql))
	row := strings.Count(soql[:pos], "\n") + 1
	column := pos - strings.LastIndexByte(soql[:pos], '\n')
	from, to := max(0, pos-40), min(len(soql), pos+40)
	picture := strings.ToValidUTF8(soql[from:to], "?")
	return bad(code, fmt.Sprintf("\n%s\n%s^\nERROR at Row:%d:Column:%d\n%s", picture, strings.Repeat(" ", pos-from), row, column, message))
}

const (
	maxSOQL   = 100_000
	maxString = 4000
)

// lex splits a query into tokens.
func lex(soql string) ([]token, *Error) {
	if len(soql) > maxSOQL {
		return nil, bad("MALFORMED_QUERY", "SOQL statements cannot be longer than "+strconv.Itoa(maxSOQL)+" characters.")
	}
	var list []token
	for i := 0; i < len(soql); {
		c := soql[i]
		switch {
		case c <= ' ':
			i++
		case c == '\'':
			tok, next, err := lexString(soql, i)
			if err != nil {
				return nil, err
			}
			list = append(list, tok)
			i = next
		case isWordByte(c):
			end := i + 1
			for end < len(soql) && isWordByte(soql[end]) {
				end++
			}
			list = append(list, word(soql[i:end], i))
			i = end
		default:
			n := symbolLength(soql[i:])
			if n == 0 {
				return nil, queryError("MALFORMED_QUERY", soql, i, "line 1:"+strconv.Itoa(i)+" no viable alternative at character '"+strings.ToValidUTF8(soql[i:i+1], "?")+"'")
			}
			list = append(list, token{kind: tokSymbol, text: soql[i : i+n], pos: i})
			i += n
		}
	}
	return append(list, token{kind: tokEnd, pos: len(soql)}), nil
}

// isWordByte takes what names, paths, numbers and instants consist of.
func isWordByte(c byte) bool {
	return isAlnum(c) || c == '_' || c == '.' || c == '-' || c == '+' || c == ':'
}

func word(text string, pos int) token {
	if _, err := strconv.ParseFloat(text, 64); err == nil && !isLetter(text[0]) {
		return token{kind: tokNumber, text: text, pos: pos}
	}
	return token{kind: tokName, text: text, pos: pos}
}

func symbolLength(s string) int {
	for _, sym := range [...]string{"!=", "<>", "<=", ">=", "(", ")", ",", "=", "<", ">"} {
		if strings.HasPrefix(s, sym) {
			return len(sym)
		}
	}
	return 0
}

// lexString reads a quoted string from start.
func lexString(soql string, start int) (token, int, *Error) {
	var b strings.Builder
	for i := start + 1; i < len(soql); i++ {
		switch c := soql[i]; c {
		case '\'':
			if b.Len() > maxString {
				return token{}, 0, queryError("MALFORMED_QUERY", soql, start, "string literal is longer than "+strconv.Itoa(maxString)+" characters")
			}
			return token{kind: tokString, text: b.String(), raw: soql[start+1 : i], pos: start}, i + 1, nil
		case '\\':
			i++
			if i == len(soql) {
				break
			}
			plain, ok := unescape(soql[i])
			if !ok {
				return token{}, 0, queryError("MALFORMED_QUERY", soql, i, "Invalid string literal. Illegal character sequence '\\"+strings.ToValidUTF8(soql[i:i+1], "?")+"' in string literal.")
			}
			b.WriteString(plain)
		default:
			b.WriteByte(c)
		}
	}
	return token{}, 0, queryError("MALFORMED_QUERY", soql, start, "unexpected token: '<EOF>' (unterminated string literal)")
}

// unescape gives the meaning of a backslash and c.
func unescape(c byte) (plain string, ok bool) {
	switch c {
	case 'n', 'N':
		return "\n", true
	case 'r', 'R':
		return "\r", true
	case 't', 'T':
		return "\t", true
	case 'b', 'B':
		return "\b", true
	case 'f', 'F':
		return "\f", true
	case '"', '\'', '\\', '_', '%':
		return string(c), true
	}
	return "", false
}
