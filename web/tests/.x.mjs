import { Browser, signIn } from "./browser.mjs";
const b = await Browser.start(); const p = await b.tab();
await signIn(p, process.env.OMMA_URL, process.env.OMMA_TOKEN); await p.waitForTimeout(25000); 
const f=await p.evaluate(()=>window.__omma.live().frames.map(f=>({d:f.expectedMs-f.callbackMs,l:f.latencyMs})));
const q=(a,x)=>a.toSorted((m,n)=>m-n)[Math.floor(a.length*x)];
const d=f.map(x=>x.d), cb=f.map(x=>x.l-Math.max(0,x.d));
console.log("expected-callback",[0,.1,.5,.9,.95,.99].map(x=>q(d,x).toFixed(1)),"capture->callback",[0,.1,.5,.9,.95,.99].map(x=>q(cb,x).toFixed(1)), "latency",[.5,.9,.95,.99].map(x=>q(f.map(x=>x.l),x).toFixed(1)), f.length);
await b.stop();
