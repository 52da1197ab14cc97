package clickhouse

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
)

// Exception is an error of the engine, wherever it runs; errors of clickhouse-go are *clickhouse.Exception of that package.
type Exception struct {
	Code    int
	Message string
}

// Error gives the engine's text.
func (e *Exception) Error() string { return e.Message }

var codeText = regexp.MustCompile(`Code: (\d+)\.`)

// responseError reads the exception out of an HTTP answer, which may also come in the body of a 200.
func responseError(res *http.Response, text string) error {
	if res.StatusCode == http.StatusOK && !strings.Contains(text, "__exception__\r\n") {
		return nil
	}
	e := &Exception{Message: strings.TrimSpace(text)}
	if m := codeText.FindStringSubmatch(text); m != nil {
		e.Code, _ = strconv.Atoi(m[1])
	}
	if code, err := strconv.Atoi(res.Header.Get("X-ClickHouse-Exception-Code")); err == nil {
		e.Code = code
	}
	if e.Message == "" {
		e.Message = "the server answered " + res.Status
	}
	return e
}

// Code gives the engine's error code that is in err's chain, 0 where there is none.
func Code(err error) int {
	var own *Exception
	if errors.As(err, &own) {
		return own.Code
	}
	var driver *chgo.Exception
	if errors.As(err, &driver) {
		return int(driver.Code)
	}
	var coded interface{ ErrorCode() int }
	if errors.As(err, &coded) {
		return coded.ErrorCode()
	}
	return 0
}

// permanentCodes are errors that the same INSERT meets again: wrong data, types, names or statements. All others, like
// memory, timeouts, too many parts or a server that isn't there, may pass.
var permanentCodes = []int{6, 7, 8, 10, 16, 20, 26, 27, 33, 36, 38, 41, 43, 44, 47, 50, 53, 60, 62, 69, 70, 72, 81, 115, 117, 131, 349, 469}

// IsPermanent tells whether repeating the same INSERT is useless.
func IsPermanent(err error) bool { return slices.Contains(permanentCodes, Code(err)) }

// IsAuth tells that the server didn't take the user.
func IsAuth(err error) bool { return slices.Contains([]int{192, 193, 194, 497, 516}, Code(err)) }
