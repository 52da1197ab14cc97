package faker

import "time"

// opKind is what a span of an operation stands for.
type opKind uint8

const (
	httpOp opKind = iota
	rpcOp
	dbOp
	cacheOp
	queueOp
	inner
)

// op is one operation of a service: a request that it serves, a query, or a piece of its own work.
type op struct {
	kind opKind
	// service serves the operation; empty: the caller does it itself.
	service string
	// name is the route, the method or the statement's summary.
	name   string
	method string
	self   time.Duration
	calls  []op
	// text is the statement of a query.
	text string
	// system is the database's or broker's name.
	system string
}

// journey is what a visitor does, with its share of the traffic.
type journey struct {
	weight float64
	root   op
}

var (
	loadProduct = op{kind: dbOp, name: "SELECT products", self: 6 * time.Millisecond, system: "postgresql", text: "SELECT id, name, price FROM products WHERE id = $1"}
	loadHistory = op{kind: dbOp, name: "SELECT price_history", self: 21 * time.Millisecond, system: "postgresql", text: "SELECT at, price FROM price_history WHERE product_id = $1 AND month = $2"}
	loadSession = op{kind: cacheOp, name: "GET session", self: time.Millisecond, system: "redis", text: "GET session:?"}
	getProduct  = op{kind: httpOp, service: "catalog", method: "GET", name: "/v1/products/{id}", self: 3 * time.Millisecond, calls: []op{loadProduct}}
)

var journeys = []journey{
	{52, op{kind: httpOp, service: "storefront", method: "GET", name: "/products/{id}", self: 7 * time.Millisecond, calls: []op{
		loadSession, getProduct, {kind: inner, name: "render product", self: 5 * time.Millisecond},
	}}},
	{22, op{kind: httpOp, service: "storefront", method: "GET", name: "/search", self: 6 * time.Millisecond, calls: []op{
		{kind: httpOp, service: "catalog", method: "GET", name: "/v1/search", self: 11 * time.Millisecond, calls: []op{
			{kind: dbOp, name: "search products", self: 19 * time.Millisecond, system: "opensearch", text: `{"query":{"match":{"name":"?"}}}`},
		}},
	}}},
	{10, op{kind: httpOp, service: "storefront", method: "GET", name: "/cart", self: 4 * time.Millisecond, calls: []op{loadSession, getProduct, getProduct}}},
	{16, op{kind: httpOp, service: "storefront", method: "POST", name: "/checkout", self: 5 * time.Millisecond, calls: []op{
		loadSession,
		{kind: httpOp, service: "checkout", method: "POST", name: "/v1/orders", self: 9 * time.Millisecond, calls: []op{
			{kind: rpcOp, service: "inventory", name: "acme.inventory.v1.Stock/Reserve", self: 4 * time.Millisecond, calls: []op{
				{kind: dbOp, name: "UPDATE stock", self: 5 * time.Millisecond, system: "microsoft.sql_server", text: "UPDATE stock SET reserved = reserved + @n WHERE sku = @sku"},
			}},
			{kind: inner, name: "TaxCalculator.split", self: 2 * time.Millisecond},
			{kind: httpOp, service: "payments", method: "POST", name: "/v1/charges", self: 6 * time.Millisecond, calls: []op{
				{kind: inner, name: "gateway.send", self: 85 * time.Millisecond},
				{kind: dbOp, name: "INSERT charges", self: 4 * time.Millisecond, system: "postgresql", text: "INSERT INTO charges (order_id, amount) VALUES (%s, %s)"},
			}},
			{kind: dbOp, name: "INSERT orders", self: 6 * time.Millisecond, system: "postgresql", text: "INSERT INTO orders (id, customer, total) VALUES (?, ?, ?)"},
			{kind: queueOp, service: "mailer", name: "orders", self: 38 * time.Millisecond, system: "kafka"},
		}},
	}}},
}

// extraQueries is how often the slow release of the catalog asks for prices that one query used to give.
const extraQueries = 16

// fault makes an operation fail with an exception in some of its runs.
type fault struct {
	service string
	op      string
	// share of the runs that fail; only in the story's change when only is not ordinary.
	share float64
	only  kind
	exc   *exception
	// asLog says that the service reports the exception by a log record instead of a span event.
	asLog bool
}

var faults = []fault{
	{badService, "/v1/orders", 0.28, badChange, &taxException, false},
	{slowService, "/v1/products/{id}", 0.012, slowChange, &statementTimeout, true},
	{"payments", "/v1/charges", 0.014, ordinary, &gatewayTimeout, false},
	{"storefront", "/products/{id}", 0.004, ordinary, &undefinedPrice, false},
	{"inventory", "acme.inventory.v1.Stock/Reserve", 0.016, ordinary, &outOfStock, false},
	{"mailer", "orders", 0.03, ordinary, &smtpTimeout, false},
}

// faultOf gives the fault that can hit the operation in the running change.
func faultOf(service, name string, running *change) *fault {
	for i := range faults {
		f := &faults[i]
		if f.service == service && f.op == name && (f.only == ordinary || running != nil && running.kind == f.only) {
			return f
		}
	}
	return nil
}
