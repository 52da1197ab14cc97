package neo4jgraph

// All statements that are ever sent. They take their values as parameters; labels and types of relations come from the kinds
// and relations of package build by Cypher's dynamic labels, which quote them.
//
// Every node has the label Summit beside that of its kind: the one constraint is on it, and by it a tenant's nodes are found.
const (
	createConstraint = `CREATE CONSTRAINT summit_node IF NOT EXISTS FOR (n:Summit) REQUIRE (n.tenant, n.kind, n.id) IS UNIQUE`
	awaitIndexes     = `CALL db.awaitIndexes(60)`

	writeNodes = `UNWIND $rows AS row
MERGE (n:Summit {tenant: $tenant, kind: row.kind, id: row.id})
WITH n, row
WHERE n.version IS NULL OR (n.stub AND NOT row.stub) OR (n.stub = row.stub AND row.version >= n.version)
SET n.name = row.name, n.first_seen = row.first_seen, n.last_seen = row.last_seen, n.props = row.props, n.stub = row.stub, n.deleted = row.deleted,
    n.version = row.version, n:$(row.kind)`

	writeEdges = `UNWIND $rows AS row
MERGE (a:Summit {tenant: $tenant, kind: row.from_kind, id: row.from_id})
ON CREATE SET a.name = '', a.first_seen = 0, a.last_seen = 0, a.props = [], a.stub = true, a.deleted = false, a.version = 0, a:$(row.from_kind)
MERGE (b:Summit {tenant: $tenant, kind: row.to_kind, id: row.to_id})
ON CREATE SET b.name = '', b.first_seen = 0, b.last_seen = 0, b.props = [], b.stub = true, b.deleted = false, b.version = 0, b:$(row.to_kind)
MERGE (a)-[e:$(row.rel)]->(b)
WITH e, row
WHERE e.version IS NULL OR row.version >= e.version
SET e.basis = row.basis, e.first_seen = row.first_seen, e.last_seen = row.last_seen, e.props = row.props, e.deleted = row.deleted, e.version = row.version`

	selectNode = `MATCH (n:Summit {tenant: $tenant, kind: $kind, id: $id}) WHERE NOT n.deleted RETURN properties(n) AS n`

	selectList = `MATCH (n:Summit {tenant: $tenant, kind: $kind}) WHERE n.id > $after AND NOT n.deleted RETURN properties(n) AS n ORDER BY n.id LIMIT $limit`

	edgesOut = `MATCH (a:Summit {tenant: $tenant, kind: $kind, id: $id})-[e]->(b:Summit) WHERE NOT e.deleted AND NOT b.deleted
RETURN type(e) AS rel, properties(e) AS e, a.kind AS from_kind, a.id AS from_id, b.kind AS to_kind, b.id AS to_id`
	edgesIn = `MATCH (b:Summit {tenant: $tenant, kind: $kind, id: $id})<-[e]-(a:Summit) WHERE NOT e.deleted AND NOT a.deleted
RETURN type(e) AS rel, properties(e) AS e, a.kind AS from_kind, a.id AS from_id, b.kind AS to_kind, b.id AS to_id`

	stepOut = `UNWIND $refs AS ref MATCH (:Summit {tenant: $tenant, kind: ref.kind, id: ref.id})-[e]->(n:Summit)
WHERE NOT e.deleted AND NOT n.deleted AND (size($rels) = 0 OR type(e) IN $rels) AND e.last_seen >= $since AND e.first_seen <= $until
RETURN DISTINCT properties(n) AS n`
	stepIn = `UNWIND $refs AS ref MATCH (:Summit {tenant: $tenant, kind: ref.kind, id: ref.id})<-[e]-(n:Summit)
WHERE NOT e.deleted AND NOT n.deleted AND (size($rels) = 0 OR type(e) IN $rels) AND e.last_seen >= $since AND e.first_seen <= $until
RETURN DISTINCT properties(n) AS n`
)

// Statements are all of them, for the test that has a server explain each.
var statements = map[string]string{
	"writeNodes": writeNodes, "writeEdges": writeEdges, "selectNode": selectNode, "selectList": selectList, "edgesOut": edgesOut, "edgesIn": edgesIn,
	"stepOut": stepOut, "stepIn": stepIn,
}
