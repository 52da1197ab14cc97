package faker

import "time"

// evidence is what a service's resource says of its own code.
type evidence uint8

const (
	byDigest evidence = iota
	byRevision
	byVersion
)

// service is a part of the shop with its own repository.
type service struct {
	name     string
	language string
	runtime  string
	repoID   int64
	// major and minor are its version at the start of the history; each change counts the patch up.
	major, minor, patch int
	evidence            evidence
	pods                int
	test                string
	subjects            []string
	files               []string
}

const (
	owner       = "acme"
	ownerID     = 9919
	registry    = "registry.acme.example/shop/"
	production  = "production"
	staging     = "staging"
	defaultHead = "main"
)

func (s *service) repo() string { return owner + "/" + s.name }

func (s *service) image() string { return registry + s.name }

var shop = []service{
	{
		name: "storefront", language: "nodejs", runtime: "24.4.1", repoID: 71200101, major: 3, minor: 12, patch: 40, evidence: byVersion, pods: 2,
		test:     "cart.spec.ts › keeps the cart over a reload",
		subjects: []string{"Show stock on the product page", "Prefetch the cart on hover", "Bump express to 5.2.1", "Lazy-load recommendations", "Fix focus ring in search"},
		files:    []string{"src/routes/product.ts", "src/cart.ts", "package-lock.json"},
	},
	{
		name: "checkout", language: "java", runtime: "25.0.1", repoID: 71200102, major: 1, minor: 18, patch: 6, evidence: byDigest, pods: 2,
		test:     "OrderServiceTest.placesOrder",
		subjects: []string{"Reject empty carts early", "Log the order id in every line", "Upgrade Spring Boot to 4.0.2", "Keep coupons with the order", "Cache tax rates per country"},
		files:    []string{"src/main/java/com/acme/checkout/order/OrderService.java", "src/main/java/com/acme/checkout/tax/TaxCalculator.java", "build.gradle.kts"},
	},
	{
		name: "catalog", language: "go", runtime: "go1.26.1", repoID: 71200103, major: 2, minor: 7, patch: 14, evidence: byRevision, pods: 2,
		test:     "TestSearchRanksExactMatchesFirst",
		subjects: []string{"Rank exact matches first", "Add price history to products", "Index variants by colour", "Trim descriptions in lists", "Use pgx batches for imports"},
		files:    []string{"internal/product/store.go", "internal/search/rank.go", "go.sum"},
	},
	{
		name: "payments", language: "python", runtime: "3.14.0", repoID: 71200104, major: 5, minor: 2, patch: 3, evidence: byDigest, pods: 2,
		test:     "tests/test_charge.py::test_retries_on_timeout",
		subjects: []string{"Retry charges on gateway timeouts", "Mask card numbers in logs", "Add SEPA mandates", "Round refunds to cents", "Pin cryptography"},
		files:    []string{"payments/gateway.py", "payments/charge.py", "requirements.lock"},
	},
	{
		name: "inventory", language: "dotnet", runtime: "10.0.1", repoID: 71200105, major: 4, minor: 0, patch: 22, evidence: byDigest, pods: 2,
		test:     "Acme.Inventory.Tests.StockTests.ReserveIsSafeUnderContention",
		subjects: []string{"Reserve stock per warehouse", "Expire reservations after 15 minutes", "Export stock levels", "Use server GC", "Split the stock table"},
		files:    []string{"src/Inventory/Stock.cs", "src/Inventory/Reservation.cs", "Directory.Packages.props"},
	},
	{
		name: "mailer", language: "ruby", runtime: "3.4.7", repoID: 71200106, major: 1, minor: 1, patch: 9, evidence: byVersion, pods: 1,
		test:     "spec/mails/receipt_spec.rb renders the total",
		subjects: []string{"Send receipts as plain text too", "Translate receipts to Polish", "Batch newsletter mails", "Bump mail to 2.9", "Drop the legacy template"},
		files:    []string{"app/mails/receipt.rb", "app/worker.rb", "Gemfile.lock"},
	},
}

// The story's own subjects.
const (
	slowSubject  = "Load price history with each product"
	badSubject   = "Split the order total by tax class exactly"
	flakyService = "inventory"
	slowService  = "catalog"
	badService   = "checkout"
)

var people = []struct{ login, name string }{
	{"mwagner", "Mara Wagner"}, {"tokafor", "Tobi Okafor"}, {"ylin", "Yun Lin"}, {"aferreira", "Ana Ferreira"}, {"skowalska", "Sofia Kowalska"},
}

// job is one job of the pipeline of every repository.
type job struct {
	name  string
	queue time.Duration
	steps []step
	// after is the index of the job it waits for, -1 for none.
	after int
}

type step struct {
	name string
	took time.Duration
}

var pipeline = []job{
	{"lint", 4 * time.Second, []step{{"Set up job", 2 * time.Second}, {"Check out", 3 * time.Second}, {"Lint", 41 * time.Second}}, -1},
	{"unit tests", 5 * time.Second, []step{{"Set up job", 2 * time.Second}, {"Check out", 3 * time.Second}, {"Restore cache", 9 * time.Second}, {"Run unit tests", 95 * time.Second}}, -1},
	{"integration tests", 9 * time.Second, []step{{"Set up job", 2 * time.Second}, {"Check out", 3 * time.Second}, {"Start services", 22 * time.Second}, {"Run integration tests", 168 * time.Second}}, -1},
	{"build image", 6 * time.Second, []step{{"Set up job", 2 * time.Second}, {"Check out", 3 * time.Second}, {"Build and push", 74 * time.Second}}, 1},
}

const (
	integrationJob = 2
	imageJob       = 3
)
