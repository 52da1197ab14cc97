package faker

import (
	"strconv"
	"strings"
)

// exception is what a failing operation throws. In message and stack, {n} is a line number that moves with the release
// and {#} a number of the occurrence.
type exception struct {
	typ, message, stack string
	handled             bool
}

var taxException = exception{
	typ:     "java.lang.ArithmeticException",
	message: "Non-terminating decimal expansion; no exact representable decimal result.",
	stack: `java.lang.ArithmeticException: Non-terminating decimal expansion; no exact representable decimal result.
	at java.base/java.math.BigDecimal.divide(BigDecimal.java:1780)
	at com.acme.checkout.tax.TaxCalculator.lambda$split$2(TaxCalculator.java:{71})
	at java.base/java.util.stream.ReferencePipeline$3$1.accept(ReferencePipeline.java:214)
	at java.base/java.util.ArrayList$ArrayListSpliterator.forEachRemaining(ArrayList.java:1709)
	at com.acme.checkout.tax.TaxCalculator.split(TaxCalculator.java:{69})
	at com.acme.checkout.order.OrderService.place(OrderService.java:{118})
	at com.acme.checkout.order.OrderService$$SpringCGLIB$$0.place(<generated>)
	at com.acme.checkout.order.OrderController.create(OrderController.java:{44})
	at org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:258)
	at org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1088)
	at java.base/java.lang.Thread.run(Thread.java:1583)
`,
}

var gatewayTimeout = exception{
	typ:     "payments.gateway.GatewayTimeout",
	message: "no answer from gateway after 2.0s (charge {#})",
	stack: `Traceback (most recent call last):
  File "/srv/payments/gateway.py", line {58}, in send
    return self.session.post(self.url, json=body, timeout=self.timeout)
  File "/usr/lib/python3.14/site-packages/requests/sessions.py", line 637, in post
    return self.request("POST", url, data=data, json=json, **kwargs)
  File "/usr/lib/python3.14/site-packages/requests/adapters.py", line 713, in send
    raise ReadTimeout(e, request=request)
requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='gateway.example', port=443): Read timed out.

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/payments/charge.py", line {31}, in create
    receipt = gateway.send(charge)
  File "/srv/payments/gateway.py", line {61}, in send
    raise GatewayTimeout(f"no answer from gateway after {self.timeout}s (charge {charge.id})") from e
payments.gateway.GatewayTimeout: no answer from gateway after 2.0s (charge {#})
`,
}

var undefinedPrice = exception{
	typ:     "TypeError",
	message: "Cannot read properties of undefined (reading 'amount')",
	stack: `TypeError: Cannot read properties of undefined (reading 'amount')
    at formatPrice (file:///srv/storefront/dist/price.js:{17}:23)
    at Object.renderProduct [as render] (file:///srv/storefront/dist/routes/product.js:{52}:11)
    at Layer.handleRequest (/srv/storefront/node_modules/router/lib/layer.js:152:17)
    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)
`,
}

var outOfStock = exception{
	typ: "Acme.Inventory.OutOfStockException", message: "Only 0 of 1 left of sku {#}", handled: true,
	stack: `Acme.Inventory.OutOfStockException: Only 0 of 1 left of sku {#}
   at Acme.Inventory.Stock.<ReserveAsync>d__14.MoveNext() in /src/src/Inventory/Stock.cs:line {96}
--- End of stack trace from previous location ---
   at Acme.Inventory.Grpc.StockService.Reserve(ReserveRequest request, ServerCallContext context) in /src/src/Inventory/Grpc/StockService.cs:line {33}
   at Grpc.Shared.Server.UnaryServerMethodInvoker` + "`" + `3.ResolvedInterceptorInvoker(TRequest resolvedRequest, ServerCallContext resolvedContext)
`,
}

var smtpTimeout = exception{
	typ:     "Net::ReadTimeout",
	message: "Net::ReadTimeout with #<TCPSocket:(closed)>",
	stack: `/usr/local/bundle/gems/net-protocol-0.2.2/lib/net/protocol.rb:229:in 'Net::BufferedIO#rbuf_fill': Net::ReadTimeout with #<TCPSocket:(closed)> (Net::ReadTimeout)
	from /usr/local/bundle/gems/net-smtp-0.5.1/lib/net/smtp.rb:1076:in 'Net::SMTP#recv_response'
	from /srv/mailer/app/outbox.rb:{41}:in 'Outbox#deliver'
	from /srv/mailer/app/worker.rb:{19}:in 'block in Worker#consume'
	from /srv/mailer/app/worker.rb:{17}:in 'Worker#consume'
`,
}

var statementTimeout = exception{
	typ:     "*pgconn.PgError",
	message: "ERROR: canceling statement due to statement timeout (SQLSTATE 57014)",
	stack: `goroutine {#} [running]:
github.com/acme/catalog/internal/product.(*Store).priceHistory(0xc0004e2000, {0x1a2b3c0, 0xc000912a50}, 0x4d2)
	/src/internal/product/store.go:{88} +0x2a5
github.com/acme/catalog/internal/product.(*Store).Get.func1(...)
	/src/internal/product/store.go:{61}
github.com/acme/catalog/internal/product.(*Store).Get(0xc0004e2000, {0x1a2b3c0, 0xc000912a50}, 0x4d2)
	/src/internal/product/store.go:{59} +0x1c4
github.com/acme/catalog/internal/web.(*Handler).Product(0xc00011c080, {0x1a2a1d0, 0xc0005541c0}, 0xc000b2e140)
	/src/internal/web/handler.go:{37} +0x9e
net/http.HandlerFunc.ServeHTTP(0xc00010a0d0, {0x1a2a1d0, 0xc0005541c0}, 0xc000b2e140)
	/usr/local/go/src/net/http/server.go:2322 +0x29
`,
}

// at gives the message and stack of one occurrence in a release.
func (e *exception) at(shift, occurrence int) (message, stack string) {
	return fillIn(e.message, shift, occurrence), fillIn(e.stack, shift, occurrence)
}

// fillIn replaces {n} and {#}; other braces belong to the text.
func fillIn(text string, shift, occurrence int) string {
	var b strings.Builder
	b.Grow(len(text) + 16)
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		word, after, ok := strings.Cut(rest, "}")
		n, err := strconv.Atoi(word)
		switch {
		case ok && word == "#":
			b.WriteString(strconv.Itoa(occurrence))
		case ok && err == nil:
			b.WriteString(strconv.Itoa(n + shift))
		default:
			b.WriteByte('{')
			after = rest
		}
		text = after
	}
}
