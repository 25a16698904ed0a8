package stage

// agenda is a heap of what waits for its time, what goes before everything else
// on top. Its methods are those of [heap.Interface].
type agenda[T timed[T]] []T

type timed[T any] interface{ before(other T) bool }

var (
	_ timed[*lane] = (*lane)(nil)
	_ timed[due]   = due{}
)

func (a agenda[T]) Len() int           { return len(a) }
func (a agenda[T]) Less(i, j int) bool { return a[i].before(a[j]) }
func (a agenda[T]) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda[T]) Push(x any)        { *a = append(*a, x.(T)) }

func (a *agenda[T]) Pop() any {
	var none T
	last := len(*a) - 1
	top := (*a)[last]
	(*a)[last] = none
	*a = (*a)[:last]
	return top
}
