// Starts Swagger UI on this node's own document. Nothing is fetched from anywhere else, and nothing is sent to a validator.
"use strict";

window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
});
