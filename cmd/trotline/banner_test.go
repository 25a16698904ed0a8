package main

import (
	"testing"

	"github.com/trotline/trotline/engine/config"
)

func TestFlow(t *testing.T) {
	hops := func(names ...string) (all []config.Hop) {
		for _, n := range names {
			all = append(all, config.Hop{Sink: n})
		}
		return all
	}
	p := &config.Pipeline{
		Name: "orders", From: []string{"shop", "till"},
		Steps: []config.Step{{Kind: "validate"}, {Kind: "map"}},
		Routes: []config.Route{
			{Name: "big", Chain: true, Hops: hops("warehouse", "crm")},
			{Name: "all", Hops: hops("warehouse", "dashboard")},
		},
	}
	want := "shop|till → validate → map → big: warehouse → crm, all: warehouse + dashboard"
	if got := flow(p); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
