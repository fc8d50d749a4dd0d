// The code under test: it knows the names of two services, and nothing of any test.
// usage: node checkout.mjs PRICES_URL ORDERS_URL ITEM

const [pricesUrl, ordersUrl, item] = process.argv.slice(2);

const price = await fetch(`${pricesUrl}/prices/${item}`);
if (!price.ok) {
  console.error(`no price: ${price.status} ${await price.text()}`);
  process.exit(1);
}
const order = await fetch(`${ordersUrl}/orders`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ item, ...(await price.json()) }),
});
console.log(await order.text());
