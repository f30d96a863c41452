"""The lecture page: networks that compute in the browser, by lecture."""
