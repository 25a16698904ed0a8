package expression

// predicate is one of expr's functions that look at each element of a list in turn.
type predicate struct {
	signature string
	doc       string
	gives     string // as [described] says it; "" depends
	test      bool   // what it does with each element must give true or false
}

var predicates = map[string]predicate{
	"all":           {"all(list, predicate) bool", "whether it holds for every element: all(body.items, .price > 0)", "true or false", true},
	"none":          {"none(list, predicate) bool", "whether it holds for no element", "true or false", true},
	"any":           {"any(list, predicate) bool", "whether it holds for some element", "true or false", true},
	"one":           {"one(list, predicate) bool", "whether it holds for exactly one element", "true or false", true},
	"filter":        {"filter(list, predicate) list", "the elements for which it holds", "a list", true},
	"map":           {"map(list, expression) list", "what the expression makes of each element", "a list", false},
	"find":          {"find(list, predicate) any", "the first element for which it holds, or nil", "", true},
	"findIndex":     {"findIndex(list, predicate) any", "where that element stands, or nil", "", true},
	"findLast":      {"findLast(list, predicate) any", "the last element for which it holds, or nil", "", true},
	"findLastIndex": {"findLastIndex(list, predicate) any", "where that element stands, or nil", "", true},
	"count":         {"count(list, predicate?) int", "for how many elements it holds", "a number", true},
	"sum":           {"sum(list, expression?) number", "the sum of the elements, or of what the expression makes of them", "a number", false},
	"groupBy":       {"groupBy(list, expression) object", "for each value of the expression the list of its elements", "an object", false},
	"sortBy":        {"sortBy(list, expression, order?) list", `the elements in the order of the expression, "asc" or "desc"`, "a list", false},
	"reduce":        {"reduce(list, expression, first?) any", "the elements put together: reduce(body.items, #acc + .price, 0)", "", false},
}
