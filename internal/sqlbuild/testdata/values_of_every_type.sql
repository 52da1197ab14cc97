SELECT deploys_v1.deployment_id
FROM deploys_v1 FINAL
WHERE (deploys_v1.tenant_id = {p1:UUID}) AND (deploys_v1.updated_at >= {p2:DateTime64(9, 'UTC')}) AND (deploys_v1.created_at < {p3:DateTime64(9, 'UTC')}) AND (deploys_v1.build_run_id IN {p4:Array(String)}) AND ({p5:Int64} = {p6:UInt64}) AND ({p7:Bool} = {p8:Float64}) AND ({p9:UInt64} IN {p10:Array(UInt64)}) AND ({p11:Int64} IN {p12:Array(Int64)}) AND (toFixedString(unhex({p13:String}), 16) IN (SELECT toFixedString(unhex(arrayJoin({p14:Array(String)})), 16))) AND (0) AND (1)
LIMIT 1 BY deploys_v1.deployment_id
-- p1 = 00000000-0000-4000-8000-000000000001
-- p2 = 2026-03-01 10:30:00.000000000
-- p3 = 2026-03-01 11:30:00.000000000
-- p4 = ['it\'s','back\\slash']
-- p5 = -1
-- p6 = 1
-- p7 = true
-- p8 = 1.5
-- p9 = 1
-- p10 = [1,2]
-- p11 = 1
-- p12 = [-1,2]
-- p13 = 01000000000000000000000000000000
-- p14 = ['01000000000000000000000000000000','02000000000000000000000000000000']
