package engine

import (
	"errors"
	"testing"

	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event/eventtest"
)

func rulesOf(pipelines ...string) map[string]*stage.Rules {
	all := make(map[string]*stage.Rules)
	for _, p := range pipelines {
		all[p] = &stage.Rules{Pipeline: p, From: map[string]*stage.Step{p + "_source": nil}}
	}
	return all
}

func TestBookFollowsTheCuts(t *testing.T) {
	b := newBook()
	b.add(&generation{number: 1, cut: 10, rules: rulesOf("a")})
	b.add(&generation{number: 4, cut: 20, rules: rulesOf("a", "b")})
	b.add(broken(5, 30, map[string][]string{"a": {"a_source", "other"}}, errors.New("gone")))
	all := *b.generations.Load()
	cases := []struct {
		pipeline string
		sequence uint64
		want     *stage.Rules
	}{
		{"a", 9, nil},
		{"a", 10, all[0].rules["a"]},
		{"a", 19, all[0].rules["a"]},
		{"a", 20, all[1].rules["a"]},
		{"b", 19, nil},
		{"b", 29, all[1].rules["b"]},
	}
	for _, c := range cases {
		if got := b.At(c.pipeline, c.sequence); got != c.want {
			t.Errorf("At(%s, %d) = %v, want %v", c.pipeline, c.sequence, got, c.want)
		}
	}
	if r := b.At("a", 31); r == nil || r.Err == nil || r.Generation != 5 {
		t.Errorf("a generation that cannot be compiled gives %+v", r)
	}
	if r := b.At("b", 31); r != nil {
		t.Errorf("a pipeline that was not in it has %+v", r)
	}
	if sources := b.sources("a"); !sources["a_source"] || !sources["other"] {
		t.Errorf("a reads %v; what was accepted for it under rules that are broken would never be seen", sources)
	}
	if r := b.Of("a", 1); r != all[0].rules["a"] {
		t.Errorf("Of(a, 1) = %v", r)
	}
	if end, over := b.end(1); end != 20 || !over {
		t.Errorf("end(1) = %d, %v", end, over)
	}
	if _, over := b.end(5); over {
		t.Error("the generation in force has an end")
	}
	b.drop(1)
	if b.At("a", 12) != nil || b.At("a", 21) == nil || b.current().number != 5 {
		t.Error("dropping one generation touched the others")
	}
}

func TestBookGivesANewPipelineWhatCameBefore(t *testing.T) {
	b := newBook()
	b.add(&generation{number: 1, cut: 10, rules: rulesOf("a")})
	b.add(&generation{number: 2, cut: 20, rules: rulesOf("a", "all", "now")})
	later := (*b.generations.Load())[1].rules
	later["all"].Backfill = true
	for _, sequence := range []uint64{1, 10, 19, 20} {
		if got := b.At("all", sequence); got != later["all"] {
			t.Errorf("At(all, %d) = %v", sequence, got)
		}
	}
	if got := b.At("now", 19); got != nil {
		t.Errorf("a pipeline that starts now handles an event from before: %v", got)
	}
}

func TestBookKeepsTheStateOfSinksThatStay(t *testing.T) {
	b := newBook()
	plain, perKey := &stage.Target{}, &stage.Target{Rate: stage.Rate{Per: eventtest.Field("tenant")}}
	b.setSinks(map[string]*stage.Target{"a": plain, "b": plain})
	b.setFull("a", true)
	b.setSinks(map[string]*stage.Target{"a": plain, "c": perKey})
	for sink, want := range map[string]stage.Intake{"a": stage.Full, "b": stage.Removed, "c": stage.Open} {
		got, lanes := b.Takes(sink)
		if got != want || lanes != (sink == "c") {
			t.Errorf("Takes(%s) = %v, in lanes %v; want %v", sink, got, lanes, want)
		}
	}
}
