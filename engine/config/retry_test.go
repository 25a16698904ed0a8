package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/event"
)

// TestEachRetrySettingStandsAlone wants a setting to hold without another one,
// and to leave the others as they are.
func TestEachRetrySettingStandsAlone(t *testing.T) {
	usual := config.Retry{
		Initial: event.Duration(time.Second), Max: event.Duration(10 * time.Minute), Factor: 2, Jitter: 0.2,
		MaxAfter: event.Duration(time.Hour), For: event.Duration(24 * time.Hour),
	}
	for setting, change := range map[string]func(*config.Retry){
		"":                    func(*config.Retry) {},
		"attempts: 3":         func(r *config.Retry) { r.Attempts = 3 },
		"initial: 5s":         func(r *config.Retry) { r.Initial = event.Duration(5 * time.Second) },
		"max: 1h":             func(r *config.Retry) { r.Max = event.Duration(time.Hour) },
		"factor: 3":           func(r *config.Retry) { r.Factor = 3 },
		"jitter: 0":           func(r *config.Retry) { r.Jitter = 0 },
		"max_retry_after: 0s": func(r *config.Retry) { r.MaxAfter = 0 },
		"for: 0s":             func(r *config.Retry) { r.For = 0 },
	} {
		t.Run(setting, func(t *testing.T) {
			want := usual
			change(&want)
			c, problems := loadText(t, strings.Replace(small, "{type: stdout}", fmt.Sprintf("{type: stdout, retry: {%s}}", setting), 1))
			if problems.HasErrors() {
				t.Fatalf("problems:\n%s", render(problems))
			}
			if got := c.Sinks[0].Retry; got != want {
				t.Errorf("retry: {%s} is %+v, want %+v", setting, got, want)
			}
		})
	}
}
