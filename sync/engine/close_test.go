package engine_test

const closeRoutes = "routes/close.yaml"
