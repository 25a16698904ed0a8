package main

import (
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	rows := table{head: []string{"NUMBER", "EVENT", "ERROR"}}
	rows.add("1", "größer", "short")
	rows.add("12", "a\x1b[31m", "an error that is longer than what the terminal has room for")
	var out buffer
	rows.write(&out, 45, false)
	want := "NUMBER  EVENT   ERROR\n" +
		"1       größer  short\n" +
		"12      a [31m  an error that is longer than…\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestAgeOf(t *testing.T) {
	for age, want := range map[time.Duration]string{
		0: "-", 300 * time.Millisecond: "<1s", 59 * time.Second: "59s", 61 * time.Second: "1m01s",
		90 * time.Minute: "1h30m", 47 * time.Hour: "47h00m", 50 * time.Hour: "2d02h",
	} {
		if got := ageOf(age.Seconds()); got != want {
			t.Errorf("%v is %q, want %q", age, got, want)
		}
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.Local)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{now.Add(-time.Hour), "14:09:26"},
		{now.Add(-24 * time.Hour), "Mar 13 15:09:26"},
		{time.Time{}, "-"},
	} {
		if got := when(c.at, now); got != c.want {
			t.Errorf("when(%v) is %q, not %q", c.at, got, c.want)
		}
	}
}

func TestDialable(t *testing.T) {
	for listen, want := range map[string]string{
		":8080": "127.0.0.1:8080", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "127.0.0.1:80",
		"127.0.0.1:1": "127.0.0.1:1", "[::1]:80": "[::1]:80", "example.com:80": "example.com:80",
	} {
		if got := dialable(listen); got != want {
			t.Errorf("dialable(%q) is %q, not %q", listen, got, want)
		}
	}
}
