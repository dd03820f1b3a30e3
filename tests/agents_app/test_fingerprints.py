import json

import pytest

from agents_app.research import pointers
from agents_app.research.fingerprints import SIGNS, in_headers, on_page

# What stands on real pages, as the makers have it put there.
SCRIPTS = {
    "HubSpot": ["//js.hs-scripts.com/7052064.js", "https://js-eu1.hs-analytics.net/analytics/1/2.js", "//js.hsforms.net/forms/embed/v2.js"],
    "Salesforce": ["https://d.la1-c1.salesforceliveagent.com/content/g/js/58.0/deployment.js", "https://acme.my.salesforce-scrt.com/embeddedService"],
    "Salesforce Pardot": ["https://pi.pardot.com/pd.js", "http://cdn.pardot.com/pd.js"],
    "Marketo": ["//munchkin.marketo.net/163/munchkin.js", "//app-ab12.marketo.com/js/forms2/js/forms2.min.js"],
    "Oracle Eloqua": ["https://img.en25.com/i/elqCfg.min.js", "https://img06.en25.com/i/elqCfg.min.js", "https://img.s07.en25.com/x.js"],
    "Dynamics 365": ["https://mktdplp102cdn.azureedge.net/public/latest/js/form-loader.js?v=1"],
    "ActiveCampaign": ["https://acme.activehosted.com/f/embed.php?id=1", "https://trackcmp.net/visit"],
    "Pipedrive": ["https://webforms.pipedrive.com/f/loader", "https://leadbooster-chat.pipedrive.com/assets/loader.js"],
    "Zoho SalesIQ": ["https://salesiq.zoho.eu/widget", "https://salesiq.zohopublic.com/widget?wc=1"],
    "Mailchimp": ["https://chimpstatic.com/mcjs-connected/js/users/1/2.js"],
    "Klaviyo": ["https://static.klaviyo.com/onsite/js/klaviyo.js?company_id=AbCdEf"],
    "Braze": ["https://js.appboycdn.com/web-sdk/5.8/braze.min.js"],
    "Customer.io": ["https://assets.customer.io/assets/track-eu.js"],
    "Brevo": ["https://sibautomation.com/sa.js?key=x", "https://cdn.brevo.com/js/sdk-loader.js"],
    "Clearbit": ["https://tag.clearbitscripts.com/v1/pk_1/tags.js", "https://x.clearbitjs.com/v2/pk_1/tags.js"],
    "6sense": ["https://j.6sc.co/j/abc.js"],
    "Demandbase": ["https://tag.demandbase.com/abc.min.js"],
    "ZoomInfo": ["https://ws.zoominfo.com/pixel/abc", "https://js.zi-scripts.com/zi-tag.js"],
    "Leadfeeder": ["https://sc.lfeeder.com/lftracker_v1_abc.js"],
    "Albacross": ["https://serve.albacross.com/track.js"],
    "Apollo": ["https://assets.apollo.io/micro/website-tracker/tracker.iife.js?nocache=1"],
    "Segment": ["https://cdn.segment.com/analytics.js/v1/abc/analytics.min.js", "//cdn.segment.io/analytics.js/v1/a.js"],
    "Intercom": ["https://widget.intercom.io/widget/abc", "https://js.intercomcdn.com/shim.latest.js"],
    "Drift": ["https://js.driftt.com/include/1699/abc.js"],
    "Qualified": ["https://js.qualified.com/qualified.js?token=1"],
    "Zendesk": ["https://static.zdassets.com/ekr/snippet.js?key=abc"],
    "LiveChat": ["https://cdn.livechatinc.com/tracking.js"],
    "Tawk.to": ["https://embed.tawk.to/abc/default"],
    "Crisp": ["https://client.crisp.chat/l.js"],
    "Tidio": ["//code.tidio.co/abc.js"],
    "Freshchat": ["https://wchat.freshchat.com/js/widget.js"],
    "Gorgias": ["https://config.gorgias.chat/bundle-loader/1", "https://config.gorgias.io/x.js"],
    "Calendly": ["https://assets.calendly.com/assets/external/widget.js"],
    "Chili Piper": ["https://js.chilipiper.com/marketing.js"],
    "Cal.com": ["https://app.cal.com/embed/embed.js"],
    "Typeform": ["//embed.typeform.com/next/embed.js"],
    "Unbounce": ["https://abc.js.ubembed.com/", "https://abc.ubembed.com/x.js"],
    "Google Tag Manager": ["https://www.googletagmanager.com/gtm.js?id=GTM-ABC"],
    "Google Analytics": ["https://www.google-analytics.com/analytics.js", "https://www.googletagmanager.com/gtag/js?id=G-ABC", "https://www.googletagmanager.com/gtag/js?id=UA-1-1"],
    "Adobe Experience Cloud": ["https://assets.adobedtm.com/launch-EN1.min.js"],
    "Mixpanel": ["https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js", "//cdn4.mxpnl.com/libs/x.js"],
    "Amplitude": ["https://cdn.amplitude.com/libs/analytics-browser-2.js.gz"],
    "Heap": ["https://cdn.heapanalytics.com/js/heap-1.js", "https://cdn.us.heap-api.com/config/1/heap_config.js"],
    "PostHog": ["https://us-assets.i.posthog.com/static/array.js", "https://app.posthog.com/static/array.js"],
    "Plausible": ["https://plausible.io/js/script.js"],
    "Matomo": ["https://cdn.matomo.cloud/acme.matomo.cloud/matomo.js", "/stats/piwik.js"],
    "Hotjar": ["https://static.hotjar.com/c/hotjar-1.js?sv=6"],
    "FullStory": ["https://edge.fullstory.com/s/fs.js", "fullstory.com/s/fs.js"],
    "Microsoft Clarity": ["https://www.clarity.ms/tag/abc"],
    "Crazy Egg": ["//script.crazyegg.com/pages/scripts/0012/1.js"],
    "Mouseflow": ["https://cdn.mouseflow.com/projects/abc.js"],
    "Optimizely": ["https://cdn.optimizely.com/js/1.js"],
    "VWO": ["https://dev.visualwebsiteoptimizer.com/j.php?a=1"],
    "AB Tasty": ["https://try.abtasty.com/abc.js"],
    "Mutiny": ["https://client-registry.mutinycdn.com/personalize/client/abc.js"],
    "OneTrust": ["https://cdn.cookielaw.org/scripttemplates/otSDKStub.js"],
    "Cookiebot": ["https://consent.cookiebot.com/uc.js"],
    "Usercentrics": ["https://app.usercentrics.eu/browser-ui/latest/loader.js"],
    "LinkedIn Insight Tag": ["https://snap.licdn.com/li.lms-analytics/insight.min.js"],
    "Meta Pixel": ["https://connect.facebook.net/en_US/fbevents.js"],
    "Google Ads": ["https://www.googletagmanager.com/gtag/js?id=AW-1", "https://www.googleadservices.com/pagead/conversion.js"],
    "Microsoft Advertising": ["//bat.bing.com/bat.js"],
    "X Ads": ["https://static.ads-twitter.com/uwt.js"],
    "TikTok Pixel": ["https://analytics.tiktok.com/i18n/pixel/events.js"],
    "Reddit Pixel": ["https://www.redditstatic.com/ads/pixel.js"],
    "AdRoll": ["https://s.adroll.com/j/abc/roundtrip.js"],
    "Criteo": ["//static.criteo.net/js/ld/ld.js", "//dynamic.criteo.com/js/ld/ld.js?a=1"],
    "Shopify": ["//cdn.shopify.com/s/files/1/0001/t/4/assets/theme.js", "//acme.example/cdn/shop/t/1/assets/global.js"],
    "WooCommerce": ["/wp-content/plugins/woocommerce/assets/js/frontend/cart.min.js"],
    "Magento": ["https://acme.example/static/version1751284002/frontend/Magento/luma/en_US/requirejs/require.js"],
    "BigCommerce": ["https://cdn11.bigcommerce.com/s-abc/stencil/theme.js"],
    "Salesforce Commerce Cloud": ["/on/demandware.static/Sites-Acme-Site/-/en_GB/v1/js/main.js"],
    "Stripe": ["https://js.stripe.com/v3/"],
    "PayPal": ["https://www.paypal.com/sdk/js?client-id=1", "https://www.paypalobjects.com/api/checkout.js"],
    "Adyen": ["https://checkoutshopper-live.adyen.com/checkoutshopper/sdk/6.4.0/adyen.js", "https://checkoutshopper-live-us.adyen.com/x.js"],
    "Braintree": ["https://js.braintreegateway.com/web/3.97/js/client.min.js"],
    "Klarna": ["https://x.klarnacdn.net/kp/lib/v1/api.js", "https://js.klarna.com/web-sdk/v1/klarna.js"],
    "Plaid": ["https://cdn.plaid.com/link/v2/stable/link-initialize.js"],
    "WordPress": ["/wp-includes/js/wp-emoji-release.min.js", "https://acme.example/wp-content/themes/x/main.js"],
    "Squarespace": ["https://static1.squarespace.com/static/vta/1.js", "//assets.squarespace.com/universal/scripts-compressed/common.js"],
    "Adobe Experience Manager": ["/etc.clientlibs/acme/clientlibs/clientlib-site.min.js"],
    "Wistia": ["https://fast.wistia.com/assets/external/E-v1.js"],
    "Vidyard": ["https://play.vidyard.com/embed/v4.js"],
    "Google Maps Platform": ["https://maps.googleapis.com/maps/api/js?key=AIza&callback=map"],
    "New Relic": ["https://js-agent.newrelic.com/nr-loader-spa-1.min.js"],
    "Datadog": ["https://www.datadoghq-browser-agent.com/eu1/v5/datadog-rum.js"],
    "Sentry": ["https://browser.sentry-cdn.com/8.0.0/bundle.min.js", "https://js.sentry-cdn.com/abc.min.js"],
}  # fmt: skip
ELEMENTS = [
    ("HubSpot", '<form action="https://forms.hsforms.com/submissions/v3/public/submit/formsnext/multipart/1/2">'),
    ("HubSpot", '<meta name="generator" content="HubSpot">'),
    ("Salesforce", '<form action="https://webto.salesforce.com/servlet/servlet.WebToLead?encoding=UTF-8" method="POST">'),
    ("Salesforce Pardot", '<iframe src="https://go.pardot.com/l/1/2020-01-01/abc"></iframe>'),
    ("Mailchimp", '<form action="https://acme.us7.list-manage.com/subscribe/post?u=1&amp;id=2">'),
    ("Calendly", '<iframe src="https://calendly.com/acme/30min"></iframe>'),
    ("Google Tag Manager", '<noscript><iframe src="https://www.googletagmanager.com/ns.html?id=GTM-A"></iframe></noscript>'),
    ("WooCommerce", '<meta name="generator" content="WooCommerce 9.8.5">'),
    ("PrestaShop", '<meta name="generator" content="PrestaShop">'),
    ("WordPress", '<meta name="generator" content="WordPress 6.8.1" />'),
    ("Webflow", '<meta content="Webflow" name="generator"/>'),
    ("Drupal", '<meta name="Generator" content="Drupal 10 (https://www.drupal.org)" />'),
    ("TYPO3", '<meta name="generator" content="TYPO3 CMS">'),
    ("Joomla", '<meta name="generator" content="Joomla! - Open Source Content Management">'),
    ("Wix", '<meta name="generator" content="Wix.com Website Builder"/>'),
    ("Ghost", '<meta name="generator" content="Ghost 5.82">'),
    ("Framer", '<meta name="generator" content="Framer 1a2b3c">'),
    ("Odoo", '<meta name="generator" content="Odoo">'),
    ("Contentful", '<img src="//images.ctfassets.net/abc/hero.jpg">'),
    ("Power BI", '<iframe src="https://app.powerbi.com/view?r=abc">'),
    ("Tableau", '<iframe src="https://public.tableau.com/views/Acme/Dashboard">'),
    ("Workday", '<a href="https://acme.wd3.myworkdayjobs.com/en-US/careers">Jobs</a>'),
    ("Greenhouse", '<a href="https://boards.greenhouse.io/acme">Jobs</a>'),
    ("Greenhouse", '<a href="https://job-boards.eu.greenhouse.io/acme">Jobs</a>'),
    ("Lever", '<a href="https://jobs.lever.co/acme">Jobs</a>'),
]  # fmt: skip
HEADERS = [
    ("HubSpot", {"x-hs-hub-id": "53"}), ("Shopify", {"powered-by": "Shopify"}), ("Magento", {"x-magento-cache-debug": "MISS"}),
    ("Drupal", {"x-generator": "Drupal 10 (https://www.drupal.org)"}), ("Cloudflare", {"server": "cloudflare"}),
    ("Fastly", {"x-served-by": "cache-fra-eddf8230020-FRA"}), ("Akamai", {"server": "AkamaiGHost"}), ("Akamai", {"x-akamai-transformed": "9 - 0"}),
    ("AWS", {"x-amz-cf-id": "abc=="}), ("AWS", {"server": "AmazonS3"}), ("Azure", {"x-azure-ref": "0abc"}), ("Google Cloud", {"via": "1.1 google"}),
    ("Vercel", {"server": "Vercel"}), ("Netlify", {"server": "Netlify"}), ("WP Engine", {"x-powered-by": "WP Engine"}),
    ("Shopify", {"set-cookie": "localization, _shopify_y"}), ("Sitecore", {"set-cookie": "SC_ANALYTICS_GLOBAL_COOKIE"}),
]  # fmt: skip
BESIDES = {"WooCommerce": ["WooCommerce", "WordPress"]}  # which it is a part of
CASES = [(technology, address) for technology, addresses in SCRIPTS.items() for address in addresses]


@pytest.mark.parametrize(("technology", "address"), CASES)
def test_a_script_shows_what_it_belongs_to_and_no_other(technology, address):
    loaded = on_page(f'<script src="{address}" defer></script>')
    named = on_page(f"<script>var s=document.createElement('script');s.src='{address}';</script>")

    assert loaded[technology] == {"name": technology, "script": address}
    assert list(loaded) == list(named) == BESIDES.get(technology, [technology])


@pytest.mark.parametrize(("technology", "element"), ELEMENTS)
def test_an_element_shows_what_it_belongs_to_and_no_other(technology, element):
    assert list(on_page(element)) == [technology]


@pytest.mark.parametrize(("technology", "headers"), HEADERS)
def test_a_header_or_a_cookie_s_name_shows_what_it_belongs_to_and_no_other(technology, headers):
    assert list(in_headers(headers)) == [technology]


def test_no_sign_is_without_an_example():
    shown = {(technology, "script") for technology in SCRIPTS}
    shown |= {(technology, where) for technology, element in ELEMENTS for where in on_page(element)[technology]}
    shown |= {(technology, where) for technology, headers in HEADERS for where in in_headers(headers)[technology]}

    assert {(sign.technology, sign.where) for sign in SIGNS} <= shown


@pytest.mark.parametrize(
    "html",
    [
        "<p>We moved from js.hs-scripts.com/ and cdn.segment.com/ to our own.</p>",
        "<!-- <script src='https://js.stripe.com/v3/'></script> -->",
        '<a href="https://js.stripe.com/v3/">Stripe</a>',
        '<script type="application/json">{"docs": "https://js.stripe.com/v3/"}</script>',
        '<script src="https://notjs.stripe.com.acme.example/"></script>',
        '<meta name="description" content="WordPress 6.8.1">',
        '<meta name="generator" content="Not WordPress">',
        "",
    ],
)
def test_what_a_page_only_talks_about_is_no_sign(html):
    assert on_page(html) == {}


def test_headers_of_any_shape_are_looked_at():
    assert in_headers({"server": 7, "via": None, "set-cookie": ["a"], "x-azure-ref": ""}) == {
        "Azure": {"name": "Azure", "header": "x-azure-ref: "}
    }


def test_a_pointer_leads_to_the_very_sign_on_a_page_or_in_its_headers():
    html = f"<script>{'x=1;' * 500}s.src='https://cdn.segment.com/analytics.js/v1/abc/';{'y=2;' * 500}</script>"
    payload = json.loads(json.dumps({"home": {"html": html, "headers": {"server": "cloudflare"}}}))

    assert pointers.resolve(payload, "/home/html#technology/Segment") == {
        "name": "Segment",
        "script": "https://cdn.segment.com/analytics.js/v1/abc/",
    }
    assert pointers.resolve(payload, "/home/headers#technology/Cloudflare/header") == "server: cloudflare"


@pytest.mark.parametrize(
    "pointer",
    [
        "/home/html#technology/Stripe",
        "/home/html#styles/0",
        "/home/headers#json_ld/0",
        "/home#technology/Segment/name/x",
        "/gone#technology",
    ],
)
def test_a_view_of_what_is_not_there_is_nothing(pointer):
    assert pointers.resolve({"home": {"html": "<p>", "headers": {}}}, pointer) is None
